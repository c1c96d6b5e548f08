"""What is claimed at once costs the same however much is due, also while PostgreSQL does not know of it yet.

Its statistics are as old as the last ANALYZE; by them nothing is due when very much has just come due.
"""

import pytest
from django.db import connection

from accounts_app.models import User
from devkit.demo.push_service import PushService
from notifications_app.claiming import claim
from notifications_app.scan import BATCHES_PER_CALL, scan_reminders
from tasks_app.models import Task
from tests.notifications_app.conftest import pending_delivery, task_due

pytestmark = pytest.mark.usefixtures("noon")

MANY, LIMIT = 4_000, 10


def analyze(*tables: str) -> None:
    with connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f"ANALYZE {table}")


def repeat(table: str, **others: str) -> None:
    """Insert the first row of a table MANY times more, with other values (SQL) in some columns."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT column_name FROM information_schema.columns WHERE table_name = %s", [table])
        columns = [name for (name,) in cursor.fetchall() if name != "id"]
        values = ", ".join(others.get(name, name) for name in columns)
        cursor.execute(
            f"INSERT INTO {table} ({', '.join(columns)}) SELECT {values}"
            f" FROM (SELECT * FROM {table} ORDER BY id LIMIT 1) AS one, generate_series(1, {MANY})"
        )


def rows_read(table: str) -> int:
    """Rows of the table that this transaction has read so far."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(sum(seq_tup_read + idx_tup_fetch), 0) FROM pg_stat_xact_user_tables"
            " WHERE relname = %s",
            [table],
        )
        return int(cursor.fetchone()[0])


def test_a_claim_of_some_reads_those_alone(alice: User, service: PushService) -> None:
    pending_delivery(alice, service.subscribe())
    repeat("deliveries", event_id="gen_random_uuid()", state="'sent'")
    analyze("deliveries", "reminders", "tasks")
    repeat("deliveries", event_id="gen_random_uuid()")
    before = rows_read("deliveries")
    assert claim(LIMIT).found == LIMIT
    assert rows_read("deliveries") - before < MANY // 10


def test_a_scan_reads_what_it_claims_and_not_all_each_time(alice: User) -> None:
    task_due(alice)
    repeat("tasks", next_reminder_at="NULL")
    analyze("tasks")
    repeat("tasks")
    before = rows_read("tasks")
    assert scan_reminders(LIMIT) == LIMIT * BATCHES_PER_CALL
    # Each is read for the claim and for its change, with older versions of those before it.
    assert rows_read("tasks") - before < MANY * 4
    assert Task.objects.filter(next_reminder_at=None).count() == MANY + LIMIT * BATCHES_PER_CALL
