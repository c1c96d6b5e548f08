"""What a restored database needs before its processes start, and what it has.

Between the copy and the loss, tasks changed and were made, and others saw it: consumers of Kafka, clients,
links in notifications. A version that they have seen must not come again with other content, and no id with
another task. So all versions and ids go on from far above.
"""

from typing import NamedTuple

from django.db import connection, transaction
from django.db.migrations.loader import MigrationLoader
from django.utils import timezone

from accounts_app.models import User
from events_app.models import DeadLetter, OutboxEvent, ParkedEvent
from notifications_app.models import Delivery, Reminder
from tasks_app.models import Task

# More than a task is changed, and more rows than a table gets, in the time that is lost.
MORE_VERSIONS, MORE_IDS = 1_000, 1_000_000
# Slots of series keep old versions of their task, below which nothing new may be.
_VERSIONED = (
    ("tasks", "version"),
    ("tasks", "untouched_version"),
    ("recurring_tasks", "version"),
    ("tags", "version"),
    ("priorities", "version"),
)
_SEQUENCES = """
    SELECT format('%%I.%%I', schemaname, sequencename), coalesce(last_value, 0) FROM pg_sequences
    WHERE schemaname = 'public' AND max_value > 2147483647
"""
_COLUMNS = "SELECT table_name, column_name FROM information_schema.columns WHERE table_name = ANY(%s)"
_COUNTED = (User, Task, Reminder, Delivery, OutboxEvent, ParkedEvent, DeadLetter)


class Migrations(NamedTuple):
    """Names as `tasks_app.0001_tables`: those the database lacks, and those this release does not know."""

    missing: list[str]
    unknown: list[str]


def migrations() -> Migrations:
    loader = MigrationLoader(connection)
    known, applied = set(loader.disk_migrations or {}), set(loader.applied_migrations or {})
    ours = {app for app, _ in known}
    return Migrations(
        sorted(".".join(one) for one in known - applied),
        sorted(".".join(one) for one in applied - known if one[0] in ours),
    )


@transaction.atomic
def go_on_from_above() -> None:
    """Raise every version by MORE_VERSIONS, and the next id of each table by MORE_IDS."""
    with connection.cursor() as cursor:
        raised: dict[str, list[str]] = {}
        cursor.execute(_COLUMNS, [[table for table, _ in _VERSIONED]])
        for table, column in set(cursor.fetchall()) & set(_VERSIONED):  # an older release has fewer
            raised.setdefault(table, []).append(f"{column} = {column} + {MORE_VERSIONS}")
        for table, changes in raised.items():
            cursor.execute(f"UPDATE {table} SET {', '.join(changes)}")  # noqa: S608 - names of ours
        cursor.execute(_SEQUENCES, [])
        for name, last in cursor.fetchall():
            cursor.execute("SELECT setval(%s::regclass, %s)", [name, last + MORE_IDS])


def counts() -> dict[str, int]:
    """The rows of the tables that say most, by table."""
    return {model._meta.db_table: model._default_manager.count() for model in _COUNTED}


def overdue_reminders() -> int:
    """Those that ring as soon as the processes start; some have rung already, after the copy was made."""
    return Task.objects.filter(next_reminder_at__lte=timezone.now()).count()
