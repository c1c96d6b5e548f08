"""What must be right before a process starts; what only production refuses is in production_checks.py.

Commands of `manage.py` run the checks by themselves. The web server, the workers and beat do not, and the
commands that are roles print less, so each calls `refuse_unsafe_start`.
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
from django.core.checks import CheckMessage, Error, register, run_checks
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.http.request import validate_host

from events_app.shards import SLOTS, shard_of_settings
from notifications_app.channels import vapid
from notifications_app.channels.channel import ChannelUnavailableError

TAG = "todo"
# Longer than a reminder is worth telling, and than an event waits for its retries.
SHORTEST_KEPT = timedelta(days=2)
SHORTEST_TOKEN = 16
LONGEST_TOKEN = timedelta(days=3650)


def error(number: str, problem: str, remedy: str) -> CheckMessage:
    """One line, which names the setting and says what to do."""
    return Error(f"{problem} {remedy}", id=f"todo.{number}")


def refuse_unsafe_start(*, serves_web: bool = False, **_signal: Any) -> None:
    """End this process if one of our checks finds an error, with a line for each."""
    found = run_checks(tags=[TAG], include_deployment_checks=serves_web)
    errors = [f"The backend does not start: {each.msg} ({each.id})" for each in found if each.is_serious()]
    if errors:
        # Not an ordinary exception: Celery's signals log those and go on.
        sys.exit("\n".join(errors))


worker_init.connect(refuse_unsafe_start)
beat_init.connect(refuse_unsafe_start)


@register(TAG)
def check_settings(app_configs: Sequence[AppConfig] | None, **options: Any) -> list[CheckMessage]:
    """The settings that are wrong in development too."""
    del app_configs, options
    return list(_wrong_anywhere())


# A deployment's check, because a command like migrate gets the same environment and answers for no metrics.
@register(TAG, deploy=True)
def check_web(app_configs: Sequence[AppConfig] | None, **options: Any) -> list[CheckMessage]:
    """What only the web server cannot do without."""
    del app_configs, options
    if settings.METRICS_TOKEN and not settings.PROMETHEUS_MULTIPROC_DIR:
        hint = "Set it to an empty folder: without it a response covers only one worker of the web."
        return [error("E018", "METRICS_TOKEN is set and PROMETHEUS_MULTIPROC_DIR is not.", hint)]
    return []


def _wrong_anywhere() -> Iterator[CheckMessage]:
    if settings.TODO_ENV not in ("development", "production"):
        yield error("E001", f"TODO_ENV is {settings.TODO_ENV!r}.", "Say development or production.")
    yield from _wrong_servers()
    yield from _wrong_push()
    yield from _wrong_metrics()
    yield from _wrong_links()
    yield from _wrong_times()


def _wrong_servers() -> Iterator[CheckMessage]:
    if not settings.REDIS_URL.startswith(("redis://", "rediss://", "unix://")):
        yield error("E012", "REDIS_URL names no Redis or Valkey.", "Write redis://:password@host:6379/0.")
    try:
        shard_of_settings()
    except ValueError:
        hint = f"Write 2/4 for the second of four relays that share the users; at most {SLOTS}."
        yield error("E019", f"RELAY_SHARD is {settings.RELAY_SHARD!r}.", hint)


def _wrong_push() -> Iterator[CheckMessage]:
    if not reaches_someone(settings.VAPID_SUBJECT):
        yield error(
            "E002",
            f"VAPID_SUBJECT is {settings.VAPID_SUBJECT!r}.",
            "Say where push services reach you: mailto:you@your.domain, or an https: URL (RFC 8292, 2.1).",
        )
    if settings.VAPID_PRIVATE_KEY:
        try:
            vapid.public_key()
        except ChannelUnavailableError as reason:
            yield error("E003", str(reason), "It is a P-256 key: 32 bytes, base64url.")


def _wrong_metrics() -> Iterator[CheckMessage]:
    for name in ("METRICS_TOKEN", "INTERNAL_TOKEN", "APP_API_TOKEN"):
        if 0 < len(getattr(settings, name, "")) < SHORTEST_TOKEN:
            hint = f"Set {SHORTEST_TOKEN} random characters or more, or none: then the route is not served."
            yield error("E014", f"{name} can be guessed.", hint)
    if settings.METRICS_PORT and not settings.PROMETHEUS_MULTIPROC_DIR:
        hint = "Set it to an empty folder: without it a worker's port does not cover its child processes."
        yield error("E015", "METRICS_PORT is set and PROMETHEUS_MULTIPROC_DIR is not.", hint)
    if (folder := settings.PROMETHEUS_MULTIPROC_DIR) and not os.access(folder, os.W_OK):
        hint = "Make it before the processes start, and empty it."
        yield error("E016", f"PROMETHEUS_MULTIPROC_DIR is {folder!r}, which cannot be written to.", hint)


def _wrong_links() -> Iterator[CheckMessage]:
    for name, parts in (("PASSWORD_RESET_URL", ["{uid}", "{token}"]), ("EMAIL_CONFIRM_URL", ["{token}"])):
        url = getattr(settings, name)
        if url and not (url.startswith(("https://", "http://")) and all(part in url for part in parts)):
            hint = f"Write https://your.client/page with {' and '.join(parts)} in it."
            yield error("E030", f"{name} is {url!r}: a mail with this link would be of no use.", hint)
    yield from _wrong_public_url()


def _wrong_public_url() -> Iterator[CheckMessage]:
    url = urlsplit(settings.PUBLIC_URL)
    is_origin = url.scheme in ("https", "http") and url.geturl() == f"{url.scheme}://{url.netloc}"
    hosts = settings.ALLOWED_HOSTS
    if not is_origin or not url.hostname or (hosts and not validate_host(_host_of(url), hosts)):
        hint = "Write https://todo.example.com, without a path, whose host is in ALLOWED_HOSTS."
        yield error("E031", f"PUBLIC_URL is {settings.PUBLIC_URL!r}: links in notifications fail.", hint)


def _wrong_times() -> Iterator[CheckMessage]:
    if not SHORTEST_KEPT <= settings.NOTIFICATIONS_KEPT <= LONGEST_TOKEN:
        hint = f"NOTIFICATIONS_KEPT_DAYS is from {SHORTEST_KEPT.days} to {LONGEST_TOKEN.days}."
        yield error("E017", f"Notifications are kept for {settings.NOTIFICATIONS_KEPT}.", hint)
    for name in ("ACCESS_TOKEN_MINUTES", "REFRESH_TOKEN_DAYS"):
        lifetime: Any = settings.SIMPLE_JWT[f"{name.rpartition('_')[0]}_LIFETIME"]
        if not timedelta(0) < lifetime <= LONGEST_TOKEN:
            hint = f"Above 0, and at most {LONGEST_TOKEN.days} days."
            yield error("E013", f"{name} makes tokens that last {lifetime}.", hint)


def reaches_someone(subject: str) -> bool:
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
