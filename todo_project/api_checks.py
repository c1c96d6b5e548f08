"""Checks of the settings for authentication, browsers of other origins, rate limits and proxies."""

import re
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit

from django.apps.config import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, register

from http_app.throttling import parse_rate
from todo_project.checks import TAG, error

SHORTEST_SHARED_SECRET = 32  # bytes (RFC 7518, 3.2)
LONGEST_ISSUER = 255  # the length of the column
# As browsers write it: no path, no wildcard, lowercase.
_ORIGIN = re.compile(r"https?://(\[[0-9a-f:.]+\]|[a-z0-9.-]+)(:[0-9]{1,5})?")


@register(TAG)
def check_api_settings(app_configs: Sequence[AppConfig] | None, **options: Any) -> list[CheckMessage]:
    """An error for each setting that is wrong."""
    del app_configs, options
    return [*_identity_provider(), *_other_origins(), *_limits()]


def _identity_provider() -> Iterator[CheckMessage]:
    secret, url = settings.AUTH_JWT_SECRET, settings.AUTH_JWKS_URL
    names = (settings.AUTH_JWT_ISSUER, settings.AUTH_JWT_AUDIENCE)
    if secret and url:
        hint = (
            "Set only the one the provider signs with. With both, a public key could be used as the secret."
        )
        yield error("E040", "AUTH_JWT_SECRET and AUTH_JWKS_URL are both set.", hint)
    if (secret or url or any(names)) and not (all(names) and (secret or url)):
        hint = "Set AUTH_JWT_ISSUER, AUTH_JWT_AUDIENCE and one of AUTH_JWT_SECRET and AUTH_JWKS_URL, or none."
        yield error("E041", "The identity provider is only partly configured.", hint)
    if len(settings.AUTH_JWT_ISSUER) > LONGEST_ISSUER:
        yield error("E041", "AUTH_JWT_ISSUER is too long.", f"At most {LONGEST_ISSUER} characters.")
    if 0 < len(secret.encode()) < SHORTEST_SHARED_SECRET:
        hint = f"Use at least {SHORTEST_SHARED_SECRET} random bytes (RFC 7518, 3.2)."
        yield error("E042", "AUTH_JWT_SECRET is too easy to guess.", hint)
    if secret and secret == settings.SECRET_KEY:
        hint = "Use a different secret: the provider could sign in as any user with this one."
        yield error("E042", "AUTH_JWT_SECRET is the same as SECRET_KEY.", hint)
    if url and not _is_web_address(url):
        hint = "Write the https:// URL of the provider's JWKS; http:// is only allowed in development."
        yield error("E043", f"AUTH_JWKS_URL is {url!r}.", hint)


def _other_origins() -> Iterator[CheckMessage]:
    for origin in settings.CORS_ALLOWED_ORIGINS:
        if not _ORIGIN.fullmatch(origin):
            hint = "Write each as https://app.example.com: lowercase, no path, no *."
            yield error("E044", f"CORS_ALLOWED_ORIGINS has {origin!r}.", hint)


def _limits() -> Iterator[CheckMessage]:
    for name, rate in settings.THROTTLE_RATES.items():
        try:
            parse_rate(rate or "1/s")
        except ValueError as reason:
            yield error("E045", f"THROTTLE_{name.upper()}: {reason}", "For no limit: off.")
    proxies = settings.REST_FRAMEWORK["NUM_PROXIES"]
    behind = bool(settings.PRODUCTION and settings.SECURE_PROXY_SSL_HEADER)
    if proxies < 0 or (behind and proxies == 0):
        hint = (
            "Set how many proxies add to X-Forwarded-For. With 0, all clients behind a proxy share one limit."
        )
        yield error("E046", f"TRUSTED_PROXIES is {proxies}.", hint)


def _is_web_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        schemes = ("https",) if settings.PRODUCTION else ("https", "http")
        return parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
