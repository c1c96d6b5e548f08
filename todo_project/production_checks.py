"""What only development may leave open: secrets, hosts, links, limits. Transports: transport_checks.py."""

import ipaddress
import os
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from django.apps.config import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Warning, register

from todo_project.api_checks import SHORTEST_SHARED_SECRET
from todo_project.checks import LONGEST_TOKEN, SHORTEST_TOKEN, TAG, error, reaches_someone
from todo_project.secret_strength import bits, is_published

SHORTEST_SECRET_KEY = 50  # what Django's own `check --deploy` asks for
# Anyone with a token can try signing keys on a machine of their own (NIST SP 800-57: 112 bits). The others
# can only be tried by requests: what `openssl rand -hex 8` prints is enough, and four words for a password.
SIGNING_BITS, TOKEN_BITS, PASSWORD_BITS = 112, 50, 40
LONGEST_ACCESS, LONGEST_REFRESH = timedelta(days=1), timedelta(days=366)
MOST_PROXIES = 3
# No one reads mail there (RFC 2606, 6761, 6762, 8375, 9476), and Apple's push service answers 403.
RESERVED_ENDINGS = (
    "test",
    "example",
    "invalid",
    "localhost",
    "localdomain",
    "local",
    "internal",
    "home.arpa",
    "example.com",
    "example.net",
    "example.org",
)
# Other checks refuse shorter ones.
_SHORTEST = {
    "AUTH_JWT_SECRET": SHORTEST_SHARED_SECRET,
    "METRICS_TOKEN": SHORTEST_TOKEN,
    "INTERNAL_TOKEN": SHORTEST_TOKEN,
    "APP_API_TOKEN": SHORTEST_TOKEN,
}
_RANDOM = "python -c 'import secrets; print(secrets.token_urlsafe(50))'"


@register(TAG)
def check_production(app_configs: Sequence[AppConfig] | None, **options: Any) -> list[CheckMessage]:
    """What is not safe to start in production; nothing in development."""
    del app_configs, options
    if not settings.PRODUCTION:
        return []
    return [*_secrets(), *_hosts(), *_links(), *_limits(), *_push(), *_mails()]


@register(TAG, deploy=True)
def check_redirect(app_configs: Sequence[AppConfig] | None, **options: Any) -> list[CheckMessage]:
    """Whether a request can arrive by https at all; asked by the web alone."""
    del app_configs, options
    ends_tls = settings.SECURE_PROXY_SSL_HEADER or os.environ.get("GRANIAN_SSL_CERTIFICATE")
    if settings.PRODUCTION and settings.SECURE_SSL_REDIRECT and not ends_tls:
        remedy = "Set it to the number of proxies in front of the web, or SECURE_SSL_REDIRECT=false."
        problem = "TRUSTED_PROXIES is 0, so each request would be redirected to https without end."
        return [error("E047", problem, remedy)]
    return []


def _secrets() -> Iterator[CheckMessage]:
    signing = {"SECRET_KEY": settings.SECRET_KEY, "AUTH_JWT_SECRET": settings.AUTH_JWT_SECRET}
    signing |= {f"SECRET_KEY_FALLBACKS[{n}]": key for n, key in enumerate(settings.SECRET_KEY_FALLBACKS)}
    for name, secret in signing.items():
        yield from _weak("E042" if name == "AUTH_JWT_SECRET" else "E004", name, secret, SIGNING_BITS)
    for name in ("METRICS_TOKEN", "INTERNAL_TOKEN", "APP_API_TOKEN"):
        yield from _weak("E014", name, getattr(settings, name, ""), TOKEN_BITS)
    yield from _weak("E050", "OPERATOR_PASSWORD", os.environ.get("OPERATOR_PASSWORD", ""), PASSWORD_BITS)


def _weak(number: str, name: str, secret: str, least: float) -> Iterator[CheckMessage]:
    remedy = f"Set what this prints: {_RANDOM}"
    if name == "SECRET_KEY" and len(secret) < SHORTEST_SECRET_KEY:
        yield error(number, f"SECRET_KEY has less than {SHORTEST_SECRET_KEY} characters.", remedy)
    elif is_published(secret):
        yield error(number, f"{name} is published: anyone can sign with it.", remedy)
    elif secret and len(secret.encode()) >= _SHORTEST.get(name, 0) and (found := bits(secret)) < least:
        problem = f"{name} can be guessed: it has some {found:.0f} bits of {least}."
        yield error(number, problem, remedy)


def _hosts() -> Iterator[CheckMessage]:
    if not settings.ALLOWED_HOSTS or any(map(_is_anyones, settings.ALLOWED_HOSTS)):
        yield error("E005", f"ALLOWED_HOSTS is {settings.ALLOWED_HOSTS}.", "Name the hosts you serve.")
    for number, name in (("E006", "DATABASE_URL"), ("E007", "REDIS_URL")):
        if not os.environ.get(name):
            yield error(number, f"{name} is not set.", "Its default is for a developer's own machine.")
    for origin in settings.CSRF_TRUSTED_ORIGINS:
        if "*" in origin or not origin.startswith("https://"):
            yield error("E048", f"CSRF_TRUSTED_ORIGINS has {origin!r}.", "Name each host: https://host.")
    for origin in settings.CORS_ALLOWED_ORIGINS:
        if origin.startswith("http://"):
            yield error("E044", f"CORS_ALLOWED_ORIGINS has {origin!r}.", "Write https://.")


def _links() -> Iterator[CheckMessage]:
    """Links that carry tokens or name where tokens come from."""
    for name in ("PUBLIC_URL", "PASSWORD_RESET_URL", "EMAIL_CONFIRM_URL", "STREAM_URL", "AUTH_JWT_ISSUER"):
        url = getattr(settings, name, "")
        if url.lower().startswith("http://"):
            yield error("E032", f"{name} is {url!r}, which is not encrypted.", "Write https://.")


def _limits() -> Iterator[CheckMessage]:
    for name, longest in (("ACCESS_TOKEN_MINUTES", LONGEST_ACCESS), ("REFRESH_TOKEN_DAYS", LONGEST_REFRESH)):
        lifetime: Any = settings.SIMPLE_JWT[f"{name.rpartition('_')[0]}_LIFETIME"]
        if longest < lifetime <= LONGEST_TOKEN:  # longer ones are refused everywhere
            problem = f"{name} makes tokens that last {lifetime}, which a thief can use as long."
            yield error("E013", problem, f"At most {longest.days} days.")
    for name, rate in settings.THROTTLE_RATES.items():
        if rate is None:
            remedy = "Set a rate, as 300/min; a high one if you must."
            yield error("E045", f"THROTTLE_{name.upper()} is off.", remedy)
    if settings.REST_FRAMEWORK["NUM_PROXIES"] > MOST_PROXIES:
        problem = f"TRUSTED_PROXIES is {settings.REST_FRAMEWORK['NUM_PROXIES']}."
        remedy = f"At most {MOST_PROXIES}: with one too many, a client can choose its address."
        yield error("E046", problem, remedy)


def _push() -> Iterator[CheckMessage]:
    if not settings.VAPID_PRIVATE_KEY:
        remedy = "Make one P-256 key and keep it: browsers are subscribed to it."
        yield error("E008", "VAPID_PRIVATE_KEY is not set: no reminder could be pushed.", remedy)
    subject = settings.VAPID_SUBJECT
    if reaches_someone(subject) and is_reserved(_host_of(subject)):
        remedy = "Set an address of a public domain where push services can reach you."
        yield error("E009", f"VAPID_SUBJECT is {subject!r}, which no one reads.", remedy)
    if settings.PUSH_ALLOW_INSECURE_ENDPOINTS:
        remedy = "Remove it: with it, any user can reach your internal network by subscribing an endpoint."
        yield error("E010", "PUSH_ALLOW_INSECURE_ENDPOINTS is on.", remedy)


def _mails() -> Iterator[CheckMessage]:
    has_server = os.environ.get("EMAIL_URL") or os.environ.get("EMAIL_BACKEND")
    if not has_server or is_reserved(settings.DEFAULT_FROM_EMAIL.rpartition("@")[2]):
        remedy = "Without them users cannot reset a password or confirm an address by mail."
        yield Warning(f"EMAIL_URL or DEFAULT_FROM_EMAIL is not set. {remedy}", id="todo.W001")


def is_reserved(host: str) -> bool:
    """Whether this host does not exist in public: a reserved name, an IP address, a name without a dot."""
    name = host.lower().rstrip(".")
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return "." not in name or any(f".{name}".endswith(f".{ending}") for ending in RESERVED_ENDINGS)
    return True


def _host_of(subject: str) -> str:
    return subject.rpartition("@")[2] if subject.startswith("mailto:") else str(urlsplit(subject).hostname)


def _is_anyones(host: str) -> bool:
    """Whether anyone can register a host that matches: `*`, `.com`."""
    return "*" in host or (host.startswith(".") and "." not in host.strip("."))
