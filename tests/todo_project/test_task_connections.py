"""A worker keeps its connection to the database from one task to the next."""

import pytest
from django.db import connection
from django.utils import timezone

from accounts_app.models import User
from notifications_app.models import Reminder
from notifications_app.tasks import scan_reminders
from tasks_app.services import create_task
from tests.acceptance.processes import TICKER, eventually, running

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]


def ask(query: str) -> set[int]:
    """The first column of what PostgreSQL says of the sessions of others."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {query} FROM pg_stat_activity WHERE datname = current_database()"
            " AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )
        return {row[0] for row in cursor.fetchall()}


def run_a_task(user: User) -> None:
    """Have the worker claim one reminder, and wait until it has."""
    task = create_task(user, title="Water the plants", reminder_at=timezone.now())
    scan_reminders.apply_async(queue="ticks")
    eventually(lambda: Reminder.objects.filter(task=task).exists())


def test_the_next_task_has_the_same_session(alice: User) -> None:
    others = ask("pid")  # of processes of earlier tests, which may still be ending
    with running(TICKER):
        run_a_task(alice)
        sessions = ask("pid") - others
        run_a_task(alice)
        assert ask("pid") - others == sessions != set()


def test_a_session_that_the_server_ended_is_replaced(alice: User) -> None:
    with running(TICKER):
        run_a_task(alice)
        ended = ask("pid")
        ask("pg_terminate_backend(pid)::int")
        run_a_task(alice)
        assert ended
        assert ask("pid").isdisjoint(ended)
