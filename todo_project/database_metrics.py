"""What PostgreSQL says of the whole system, asked at each scrape: one truth, whichever web process is asked.

Each question is answered by the first rows of an index, up to BOUND: a scrape costs the same however much
has piled up.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import structlog
from django.db import Error as DatabaseError
from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from accounts_app.models import DueMail, User
from events_app.groups import group_names
from events_app.models import DeadLetter, OutboxEvent, ParkedEvent
from events_app.relay import relay_is_active
from notifications_app.models import Delivery
from recurrence.rules import ZONE_DATA_VERSION
from tasks_app.models import Task
from todo_project.tick_runs import seconds_since_runs

log = structlog.get_logger(__name__)

BOUND = 10_000
TIMEOUT_MILLISECONDS = 2_000


class DatabaseMetrics(Collector):
    """Gauges; without the database only `todo_database_up 0` and the release of the time zone database."""

    def collect(self) -> Iterable[Metric]:
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(f"SET LOCAL statement_timeout = {TIMEOUT_MILLISECONDS}")
                found = [*_outbox(), *_stuck(), *_due(timezone.now()), _ticks()]
        except DatabaseError as error:
            log.warning("metrics_without_database", error=str(error))
            return [_zone_data(), _gauge("database_up", "Whether PostgreSQL answered the scrape.", 0)]
        return [_zone_data(), _gauge("database_up", "Whether PostgreSQL answered the scrape.", 1), *found]


def _zone_data() -> Metric:
    family = GaugeMetricFamily(
        "todo_zone_data_info", "The release of the time zone database.", labels=["version"]
    )
    family.add_metric([ZONE_DATA_VERSION], 1)
    return family


def _outbox() -> list[Metric]:
    oldest = OutboxEvent.objects.order_by("id").values_list("time", flat=True).first()
    return [
        _gauge("outbox_events", f"Events on their way; above {BOUND} an estimate.", _outbox_depth()),
        _age("outbox_oldest_age_seconds", "Seconds that the oldest event on its way has waited.", oldest),
        _gauge("relay_active", "Whether a relay holds the lock.", float(relay_is_active())),
    ]


def _outbox_depth() -> float:
    counted = _bounded(OutboxEvent.objects.all())
    if counted < BOUND:
        return counted
    with connection.cursor() as cursor:
        table = OutboxEvent._meta.db_table
        cursor.execute("SELECT n_live_tup FROM pg_stat_user_tables WHERE relid = %s::regclass", [table])
        return max(counted, float(cursor.fetchone()[0]))


def _stuck() -> list[Metric]:
    parked = ParkedEvent.objects.order_by("id").values_list("parked_at", flat=True).first()
    return [
        _by_group(
            "parked_events", f"Events that wait for a retry, at most {BOUND}.", ParkedEvent.objects.all()
        ),
        _age("parked_oldest_age_seconds", "Seconds that the oldest parked event has been parked.", parked),
        _by_group("dead_letters", f"Events given up on, at most {BOUND}.", DeadLetter.objects.all()),
    ]


def _due(now: datetime) -> list[Metric]:
    reminders = Task.objects.filter(next_reminder_at__lte=now)
    deliveries = Delivery.objects.filter(
        state=Delivery.State.PENDING, next_attempt_at__lte=now, sent_with=None
    )
    closed = User.objects.filter(deleted_at__isnull=False)
    mails = DueMail.objects.filter(next_attempt_at__lte=now)
    return [
        *_waiting(
            "reminders",
            "Tasks whose reminder is due and not claimed by a scan",
            reminders,
            "next_reminder_at",
        ),
        *_waiting("deliveries", "Deliveries that are due to be tried", deliveries, "next_attempt_at"),
        *_waiting("erasures", "Closed accounts to be erased", closed, "deleted_at"),
        *_waiting("mails", "Mails that are due to be sent", mails, "next_attempt_at"),
    ]


def _ticks() -> Metric:
    family = GaugeMetricFamily(
        "todo_tick_last_run_age_seconds", "Seconds since a tick last ran; +Inf: never.", labels=["tick"]
    )
    for name, age in seconds_since_runs().items():
        family.add_metric([name], float("inf") if age is None else age)
    return family


def _waiting(name: str, documentation: str, rows: QuerySet[Any], field: str) -> list[Metric]:
    first = rows.order_by(field).values_list(field, flat=True).first()
    return [
        _gauge(f"{name}_due", f"{documentation}, at most {BOUND}.", _bounded(rows)),
        _age(
            f"{name}_oldest_due_age_seconds",
            f"Seconds since the first of these was due: {documentation}.",
            first,
        ),
    ]


def _bounded(rows: QuerySet[Any]) -> float:
    return float(rows.order_by()[:BOUND].count())


def _by_group(name: str, documentation: str, rows: QuerySet[Any]) -> Metric:
    counted = Counter(dict.fromkeys(group_names(), 0))
    counted.update(rows.order_by().values_list("group", flat=True)[:BOUND])
    family = GaugeMetricFamily(f"todo_{name}", documentation, labels=["group"])
    for group, number in counted.items():
        family.add_metric([group], number)
    return family


def _age(name: str, documentation: str, since: datetime | None) -> Metric:
    age = max(0.0, (timezone.now() - since).total_seconds()) if since else 0.0
    return _gauge(name, documentation, age)


def _gauge(name: str, documentation: str, value: float) -> Metric:
    return GaugeMetricFamily(f"todo_{name}", documentation, value)
