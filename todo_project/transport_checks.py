"""Production encrypts what it sends to its servers, except on this machine or with INSECURE_TRANSPORT_OK."""

import os
from collections.abc import Iterator, Sequence
from ipaddress import ip_address
from typing import Any
from urllib.parse import parse_qs, urlsplit

from django.apps.config import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, register

from todo_project.checks import TAG, error

NAMES = ("kafka", "postgresql", "redis", "smtp")
ENCRYPTED_POSTGRES = ("require", "verify-ca", "verify-full")
_SMTP = "django.core.mail.backends.smtp.EmailBackend"


@register(TAG)
def check_transports(app_configs: Sequence[AppConfig] | None, **options: Any) -> list[CheckMessage]:
    """An error for each server that production would talk to in the clear; nothing in development."""
    del app_configs, options
    return [*_in_the_clear(), *_unknown_names()] if settings.PRODUCTION else []


def _in_the_clear() -> Iterator[CheckMessage]:
    checks = {"kafka": _kafka, "postgresql": _postgresql, "redis": _redis, "smtp": _smtp}
    for (name, check), number in zip(checks.items(), ("E051", "E052", "E053", "E054"), strict=True):
        if name not in settings.INSECURE_TRANSPORT_OK and (found := check()):
            problem, remedy = found
            yield error(number, problem, f"{remedy}, or INSECURE_TRANSPORT_OK={name} on a private network.")


def _unknown_names() -> Iterator[CheckMessage]:
    if unknown := sorted(set(settings.INSECURE_TRANSPORT_OK) - set(NAMES)):
        problem = f"INSECURE_TRANSPORT_OK has {', '.join(unknown)}."
        yield error("E055", problem, f"It may have {', '.join(NAMES)}.")


def _kafka() -> tuple[str, str] | None:
    protocol = settings.KAFKA_SECURITY.get("security.protocol", "PLAINTEXT").upper()
    servers = [server.rpartition("//")[2] for server in settings.KAFKA_BOOTSTRAP_SERVERS.split(",")]
    if protocol.endswith("SSL") or all(_is_here(urlsplit(f"//{one.strip()}").hostname) for one in servers):
        return None
    return f"KAFKA_SECURITY_PROTOCOL is {protocol}, in the clear.", "Set SASL_SSL or SSL"


def _postgresql() -> tuple[str, str] | None:
    found = _database("DATABASE_URL", settings.DATABASES["default"])
    if not found and settings.DIRECT_DATABASE:
        found = _database("DATABASE_DIRECT_URL", settings.DIRECT_DATABASE)
    return found


def _database(variable: str, database: dict[str, Any]) -> tuple[str, str] | None:
    options = database.get("OPTIONS", {})
    hosts = options.get("hostaddr") or options.get("host") or database.get("HOST") or ""
    mode = options.get("sslmode") or os.environ.get("PGSSLMODE") or "prefer"
    if mode in ENCRYPTED_POSTGRES or all(map(_is_here, str(hosts).split(","))):
        return None
    return f"{variable} has sslmode={mode}.", "Add ?sslmode=verify-full (or verify-ca, require)"


def _redis() -> tuple[str, str] | None:
    url = urlsplit(settings.REDIS_URL)
    if url.scheme not in ("redis", "rediss") or _is_here(url.hostname):
        return None
    given = {name: values[-1].lower() for name, values in parse_qs(url.query).items()}
    has_password = url.password or given.get("password")
    is_verified = given.get("ssl_cert_reqs", "required").removeprefix("cert_") != "none"
    if url.scheme == "rediss" and has_password and is_verified:
        return None
    lacks = "TLS" if url.scheme != "rediss" else "a password" if is_verified else "a verified certificate"
    return f"REDIS_URL is without {lacks}.", "Write rediss://:password@host:6379/0"


def _smtp() -> tuple[str, str] | None:
    is_encrypted = settings.EMAIL_USE_TLS or settings.EMAIL_USE_SSL
    if settings.EMAIL_BACKEND != _SMTP or is_encrypted or not settings.EMAIL_HOST_PASSWORD:
        return None
    if _is_here(settings.EMAIL_HOST):
        return None
    return "EMAIL_URL sends its password in the clear.", "Write smtp+tls:// or smtp+ssl://"


def _is_here(host: str | None) -> bool:
    """Whether it is this machine: nothing, a Unix socket's folder, localhost or a loopback address."""
    if not host or host.startswith(("/", "@")) or host.lower() == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
