"""Work on a connection of its own that comes to wait for a lock of the test's."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from time import monotonic
from typing import Any

import pytest
from django.db import connection

PATIENCE_SECONDS = 60


@contextmanager
def aside() -> Iterator[Callable[[Callable[[], Any]], Future[Any]]]:
    """`start(work)` begins the work, and returns when it waits for a lock."""

    def run(work: Callable[[], Any]) -> Any:
        try:
            return work()
        finally:
            connection.close()

    def start(work: Callable[[], Any]) -> Future[Any]:
        running = pool.submit(run, work)
        _wait_for_a_waiter(running)
        return running

    with ThreadPoolExecutor(1) as pool:
        yield start


def _wait_for_a_waiter(running: Future[Any]) -> None:
    deadline = monotonic() + PATIENCE_SECONDS
    with connection.cursor() as cursor:
        while not running.done() and monotonic() < deadline:
            cursor.execute("SELECT pg_stat_clear_snapshot()")  # a transaction sees the same statistics twice
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity"
                " WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
            if cursor.fetchone()[0]:
                return
    pytest.fail("It does not wait for a lock.")
