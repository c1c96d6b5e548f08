"""How the backend is, in words, for the admin's first page: each line has a state and a link.

The figures are those of /metrics, and the limits those of the alerts in docs/operations.md.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from math import isinf

from django.urls import reverse
from django.utils import timezone

from events_app.groups import group_names
from notifications_app.models import Delivery
from state_store.client import is_there
from todo_project.database_metrics import DatabaseMetrics
from todo_project.tick_runs import SCAN, trouble_of_scan

OK, WARNING, BROKEN = "ok", "warning", "broken"
_LATEST_DELIVERIES = 1_000
_FAILED_FOR = timedelta(days=1)


@dataclass(frozen=True)
class Fact:
    """One line. `text` says what is so, and in a bad state what to do; `url` is the page with the rows."""

    name: str
    state: str
    text: str
    url: str = ""


_NO_DATABASE = Fact("PostgreSQL", BROKEN, "It does not answer, so that no request can be answered.")


@dataclass(frozen=True)
class _Queue:
    """What must not wait for longer than so many seconds, and the reason if it does.

    `number` and `age` are the metrics of how many wait, and of how long the oldest has waited.
    """

    name: str
    number: str
    age: str
    seconds: float
    reason: str
    page: str
    query: str = ""


_QUEUES = [
    _Queue(
        "Events on their way", "outbox_events", "outbox_oldest_age_seconds", 30,
        "the relay makes no progress", "events_app_outboxevent",
    ),
    _Queue(
        "Due reminders", "reminders_due", "reminders_oldest_due_age_seconds", 30,
        "beat or the ticker does not run", "django_celery_beat_periodictask",
    ),
    _Queue(
        "Due deliveries", "deliveries_due", "deliveries_oldest_due_age_seconds", 120,
        "no worker runs", "notifications_app_delivery", "state__exact=pending",
    ),
    _Queue(
        "Due mails", "mails_due", "mails_oldest_due_age_seconds", 600,
        "see their errors", "accounts_app_duemail",
    ),
    _Queue(
        "Closed accounts", "erasures_due", "erasures_oldest_due_age_seconds", 3600,
        "see `erasure_postponed` in the log", "accounts_app_user", "deleted_at__isempty=0",
    ),
]  # fmt: skip


def operator_state() -> list[Fact]:
    """The lines, those that need attention first."""
    values = {
        (sample.name.removeprefix("todo_"), *sample.labels.values()): sample.value
        for family in DatabaseMetrics().collect()
        for sample in family.samples
    }
    facts = [*_servers(values), *_facts(values)] if values[("database_up",)] else [_NO_DATABASE]
    return sorted(facts, key=lambda fact: [BROKEN, WARNING, OK].index(fact.state))


def _servers(values: dict[tuple[str, ...], float]) -> Iterator[Fact]:
    yield Fact("PostgreSQL", OK, "It answers.")
    if is_there():
        yield Fact("Redis or Valkey", OK, "It answers.")
    else:
        yield Fact(
            "Redis or Valkey", BROKEN, "It does not answer: reminders are late, and live streams silent."
        )
    if values[("relay_active",)]:
        yield Fact("Relay", OK, "One is active.")
    else:
        yield Fact("Relay", BROKEN, "None is active: start one. Events wait in the outbox.")


def _facts(values: dict[tuple[str, ...], float]) -> Iterator[Fact]:
    yield _scan(values)
    for queue in _QUEUES:
        yield _queue(queue, values)
    for group in group_names():
        yield _stuck("Parked events", values[("parked_events", group)], group, "events_app_parkedevent")
        yield _stuck("Dead letters", values[("dead_letters", group)], group, "events_app_deadletter")
    yield _failed_deliveries()


def _scan(values: dict[tuple[str, ...], float]) -> Fact:
    age = values[("tick_last_run_age_seconds", SCAN)]
    url = reverse("admin:django_celery_beat_periodictask_changelist")
    if trouble := trouble_of_scan({SCAN: None if isinf(age) else age}):
        return Fact("Reminder scan", BROKEN, f"It {trouble}: beat or the ticker does not run.", url)
    return Fact("Reminder scan", OK, f"It ran {age:.0f} s ago.", url)


def _queue(queue: _Queue, values: dict[tuple[str, ...], float]) -> Fact:
    number, seconds = values[(queue.number,)], values[(queue.age,)]
    url = f"{reverse(f'admin:{queue.page}_changelist')}?{queue.query}"
    if not number:
        return Fact(queue.name, OK, "None waits.", url)
    text = f"Waiting: {number:.0f}, the oldest for {timedelta(seconds=round(seconds))}"
    if seconds <= queue.seconds:
        return Fact(queue.name, OK, f"{text}.", url)
    return Fact(queue.name, BROKEN, f"{text}: {queue.reason}.", url)


def _stuck(name: str, number: float, group: str, page: str) -> Fact:
    url = f"{reverse(f'admin:{page}_changelist')}?group__exact={group}"
    name = f"{name} of {group}"
    if not number:
        return Fact(name, OK, "None.", url)
    if page.endswith("parkedevent"):
        return Fact(name, WARNING, f"Waiting for a retry: {number:.0f}. See their errors.", url)
    return Fact(name, BROKEN, f"Given up: {number:.0f}. Fix the cause, then requeue them.", url)


def _failed_deliveries() -> Fact:
    latest = Delivery.objects.filter(created_at__gt=timezone.now() - _FAILED_FOR)
    states = list(latest.order_by("-created_at", "-id").values_list("state", flat=True)[:_LATEST_DELIVERIES])
    failed = sum(state == Delivery.State.FAILED for state in states)
    url = f"{reverse('admin:notifications_app_delivery_changelist')}?state__exact=failed"
    text = f"{failed} failed of the latest {len(states)} in 24 h"
    if not failed:
        return Fact("Deliveries", OK, f"{text}.", url)
    return Fact("Deliveries", WARNING, f"{text}: their attempts say why.", url)
