"""A task that failed in the middle of a transaction leaves the next one a connection that works."""

from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
from django.db import OperationalError, connection

from todo_project.celery import close_after_a_failure


def ask() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        return int(cursor.fetchone()[0])


def lose_it_in_a_transaction() -> None:
    """As a time limit or a dead server does it while Django leaves the transaction."""
    ask()
    connection.in_atomic_block = True
    connection.close()


def fail_then_ask() -> int:
    lose_it_in_a_transaction()
    with pytest.raises(OperationalError, match="the connection is closed"):
        ask()
    task = SimpleNamespace(request=SimpleNamespace(is_eager=False))
    close_after_a_failure(task=task, state="FAILURE")
    try:
        return ask()
    finally:
        connection.close()


@pytest.mark.django_db
def test_the_next_task_has_a_connection() -> None:
    with ThreadPoolExecutor(1) as worker:  # which has a connection of its own
        assert worker.submit(fail_then_ask).result(timeout=60) == 1
