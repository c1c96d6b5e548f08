"""How a test with real commits leaves the database as the migrations made it."""

from importlib import import_module
from time import monotonic, sleep
from typing import Any

from django.apps import apps
from django.core.management.commands.flush import Command
from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from django.db.models import QuerySet

_first_priorities = import_module("tasks_app.migrations.0002_first_priorities")
_MADE_BY_MIGRATE = {"django_content_type", "auth_permission"}


class Flush(Command):
    """In place of Django's `flush`, which TransactionTestCase calls after each test.

    Django's truncates each table and creates the content types and permissions again: 60 ms and more. Most
    tests write into a few tables of these forty.
    """

    def handle(self, **options: Any) -> None:
        _wait_for_sessions_that_end()
        with transaction.atomic(), connection.cursor() as cursor:
            for table in _tables_with_rows():
                cursor.execute(f"DELETE FROM {connection.ops.quote_name(table)}")
        add_first_priorities()


def _wait_for_sessions_that_end() -> None:
    """PostgreSQL ends a session, and frees its relay's locks, a moment after the test has closed it."""
    deadline = monotonic() + 60
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_unlock_all()")
        while _locks_of_others(cursor):
            assert monotonic() < deadline, "A session of this test holds an advisory lock."
            sleep(0.01)


def _locks_of_others(cursor: CursorWrapper) -> int:
    cursor.execute(
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid <> pg_backend_pid()"
        " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    )
    return int(cursor.fetchone()[0])


def _tables_with_rows() -> list[str]:
    tables = set(connection.introspection.django_table_names(include_views=False)) - _MADE_BY_MIGRATE
    each = [f"SELECT '{table}' WHERE EXISTS (SELECT FROM {table})" for table in tables]
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(each))
        return [name for (name,) in cursor.fetchall()]


def add_first_priorities() -> None:
    priority = apps.get_model("tasks_app", "Priority")
    names = ("id", "name", "level", "color")
    rows = [priority(**dict(zip(names, values, strict=True))) for values in _first_priorities.FIRST]
    QuerySet(priority).bulk_create(rows)  # as the migration does, which records no events
    with connection.cursor() as cursor:
        cursor.execute("SELECT setval(pg_get_serial_sequence('priorities', 'id'), 4)")
