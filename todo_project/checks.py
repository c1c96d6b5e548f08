"""What must be right before a process starts, and what only development may leave open.

`manage.py` asks by itself (migrate, relay_outbox ...). The web server, the workers and beat load the project
without asking, so each calls `refuse_unsafe_start`.
"""

import os
import sys
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import SplitResult, urlsplit

from celery.signals import beat_init, worker_init
from django.apps.config import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register, run_checks
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.http.request import validate_host

from notifications_app.channels import vapid
from notifications_app.channels.channel import ChannelUnavailableError

TAG = "todo"
SHORTEST_SECRET_KEY = 50  # what Django's own `check --deploy` asks for
# Longer than a reminder is worth telling, and than an event waits for its retries.
SHORTEST_KEPT = timedelta(days=2)
SHORTEST_METRICS_TOKEN = 16
LONGEST_TOKEN = timedelta(days=3650)
RESERVED_DOMAIN = ".test"  # RFC 6761: no one reads mail there


def refuse_unsafe_start(*, serves_web: bool = False, **_signal: Any) -> None:
    """End this process, saying why, when one of our checks finds an error."""
    found = run_checks(tags=[TAG], include_deployment_checks=serves_web)
    errors = [message for message in found if message.is_serious()]
    if errors:
        # Not an ordinary exception: Celery's signals log those and go on.
        sys.exit("\n".join(["The backend does not start like this:", *map(str, errors)]))


worker_init.connect(refuse_unsafe_start)
beat_init.connect(refuse_unsafe_start)


@register(TAG)
def check_settings(app_configs: Sequence[AppConfig] | None, **options: Any) -> list[CheckMessage]:
    """The settings that are wrong: everywhere, and in production."""
    del app_configs, options
    return [*_wrong_anywhere(), *(_unsafe_in_production() if settings.PRODUCTION else [])]


# A deployment's check, because a command like migrate gets the same environment and answers for no metrics.
@register(TAG, deploy=True)
def check_web(app_configs: Sequence[AppConfig] | None, **options: Any) -> list[CheckMessage]:
    """What only the web server cannot do without."""
    del app_configs, options
    if settings.METRICS_TOKEN and not settings.PROMETHEUS_MULTIPROC_DIR:
        hint = "Set it to an empty folder: without it a response covers only one worker of the web."
        return [_error("E018", "METRICS_TOKEN is set and PROMETHEUS_MULTIPROC_DIR is not.", hint)]
    return []


def _wrong_anywhere() -> Iterator[CheckMessage]:
    if settings.TODO_ENV not in ("development", "production"):
        yield _error("E001", f"TODO_ENV is {settings.TODO_ENV!r}.", "Say development or production.")
    yield from _wrong_servers()
    yield from _wrong_push()
    yield from _wrong_metrics()
    yield from _wrong_links()
    yield from _wrong_times()


def _wrong_servers() -> Iterator[CheckMessage]:
    if not settings.REDIS_URL.startswith(("redis://", "rediss://", "unix://")):
        yield _error("E012", "REDIS_URL names no Redis or Valkey.", "Write redis://:password@host:6379/0.")


def _wrong_push() -> Iterator[CheckMessage]:
    if not _reaches_someone(settings.VAPID_SUBJECT):
        yield _error(
            "E002",
            f"VAPID_SUBJECT is {settings.VAPID_SUBJECT!r}.",
            "Say where push services reach you: mailto:you@your.domain, or an https: URL (RFC 8292, 2.1).",
        )
    if settings.VAPID_PRIVATE_KEY:
        try:
            vapid.public_key()
        except ChannelUnavailableError as error:
            yield _error("E003", str(error), "It is a P-256 key: 32 bytes, base64url.")


def _wrong_metrics() -> Iterator[CheckMessage]:
    if settings.METRICS_TOKEN and len(settings.METRICS_TOKEN) < SHORTEST_METRICS_TOKEN:
        hint = f"At least {SHORTEST_METRICS_TOKEN} random characters; without one /metrics is not served."
        yield _error("E014", "METRICS_TOKEN can be guessed.", hint)
    if settings.METRICS_PORT and not settings.PROMETHEUS_MULTIPROC_DIR:
        hint = "Set it to an empty folder: without it a worker's port does not cover its child processes."
        yield _error("E015", "METRICS_PORT is set and PROMETHEUS_MULTIPROC_DIR is not.", hint)
    if (folder := settings.PROMETHEUS_MULTIPROC_DIR) and not os.access(folder, os.W_OK):
        hint = "Make it before the processes start, and empty it."
        yield _error("E016", f"PROMETHEUS_MULTIPROC_DIR is {folder!r}, which cannot be written to.", hint)


def _wrong_links() -> Iterator[CheckMessage]:
    for name, parts in (("PASSWORD_RESET_URL", ["{uid}", "{token}"]), ("EMAIL_CONFIRM_URL", ["{token}"])):
        url = getattr(settings, name)
        if url and not (url.startswith(("https://", "http://")) and all(part in url for part in parts)):
            hint = f"Write https://your.client/page with {' and '.join(parts)} in it."
            yield _error("E030", f"{name} is {url!r}: a mail with this link would be of no use.", hint)
    yield from _wrong_public_url()


def _wrong_public_url() -> Iterator[CheckMessage]:
    url = urlsplit(settings.PUBLIC_URL)
    is_origin = url.scheme in ("https", "http") and url.geturl() == f"{url.scheme}://{url.netloc}"
    hosts = settings.ALLOWED_HOSTS
    if not is_origin or not url.hostname or (hosts and not validate_host(_host_of(url), hosts)):
        hint = "Write https://todo.example.com, without a path, whose host is in ALLOWED_HOSTS."
        yield _error("E031", f"PUBLIC_URL is {settings.PUBLIC_URL!r}: links in notifications fail.", hint)
    elif settings.PRODUCTION and url.scheme != "https":
        hint = "The tokens in these links must not travel in the clear."
        yield _error("E032", f"PUBLIC_URL is {settings.PUBLIC_URL!r}, which is not https.", hint)


def _wrong_times() -> Iterator[CheckMessage]:
    if not SHORTEST_KEPT <= settings.NOTIFICATIONS_KEPT <= LONGEST_TOKEN:
        hint = f"NOTIFICATIONS_KEPT_DAYS is from {SHORTEST_KEPT.days} to {LONGEST_TOKEN.days}."
        yield _error("E017", f"Notifications are kept for {settings.NOTIFICATIONS_KEPT}.", hint)
    for name in ("ACCESS_TOKEN_MINUTES", "REFRESH_TOKEN_DAYS"):
        lifetime: Any = settings.SIMPLE_JWT[f"{name.rpartition('_')[0]}_LIFETIME"]
        if not timedelta(0) < lifetime <= LONGEST_TOKEN:
            hint = f"Above 0, and at most {LONGEST_TOKEN.days} days."
            yield _error("E013", f"{name} makes tokens that last {lifetime}.", hint)


def _unsafe_in_production() -> Iterator[CheckMessage]:
    key = settings.SECRET_KEY
    if key == settings.DEVELOPMENT_SECRET_KEY or len(key) < SHORTEST_SECRET_KEY or len(set(key)) < 5:
        yield _error(
            "E004",
            "SECRET_KEY is the development one, or too short to keep a secret.",
            f"Set {SHORTEST_SECRET_KEY} random characters; on your own machine, TODO_ENV=development.",
        )
    if not settings.ALLOWED_HOSTS or any(map(_is_anyones, settings.ALLOWED_HOSTS)):
        yield _error("E005", f"ALLOWED_HOSTS is {settings.ALLOWED_HOSTS}.", "Name the hosts you serve.")
    for number, name in (("E006", "DATABASE_URL"), ("E007", "REDIS_URL")):
        if not os.environ.get(name):
            yield _error(number, f"{name} is not set.", "Its default is for a developer's own machine.")
    yield from _unsafe_push_in_production()
    if not os.environ.get("EMAIL_URL") or settings.DEFAULT_FROM_EMAIL.endswith(RESERVED_DOMAIN):
        hint = "Without them users cannot reset a password or confirm an address by mail."
        yield Warning("EMAIL_URL or DEFAULT_FROM_EMAIL is not set.", hint=hint, id="todo.W001")


def _unsafe_push_in_production() -> Iterator[CheckMessage]:
    if not settings.VAPID_PRIVATE_KEY:
        hint = "Make one P-256 key and keep it: browsers are subscribed to it."
        yield _error("E008", "VAPID_PRIVATE_KEY is not set: no reminder could be pushed.", hint)
    if settings.VAPID_SUBJECT.endswith(RESERVED_DOMAIN):
        hint = "Say where push services can reach you when something goes wrong."
        yield _error("E009", f"VAPID_SUBJECT is {settings.VAPID_SUBJECT!r}, which no one reads.", hint)
    if settings.PUSH_ALLOW_INSECURE_ENDPOINTS:
        hint = "Remove it: with it, any user can reach your internal network by subscribing an endpoint."
        yield _error("E010", "PUSH_ALLOW_INSECURE_ENDPOINTS is on.", hint)


def _reaches_someone(subject: str) -> bool:
    """mailto: with an address, or https: with a host."""
    try:
        if subject.startswith("mailto:"):
            validate_email(subject.removeprefix("mailto:"))
            return True
        return subject.startswith("https://") and bool(urlsplit(subject).hostname)
    except (ValidationError, ValueError):
        return False


def _host_of(url: SplitResult) -> str:
    """As ALLOWED_HOSTS has it: an IPv6 address in brackets."""
    return f"[{url.hostname}]" if ":" in str(url.hostname) else str(url.hostname)


def _is_anyones(host: str) -> bool:
    """Whether anyone can get a host of this pattern: `*`, `.com`."""
    return "*" in host or (host.startswith(".") and "." not in host.strip("."))


def _error(number: str, problem: str, hint: str) -> CheckMessage:
    return Error(problem, hint=hint, id=f"todo.{number}")
