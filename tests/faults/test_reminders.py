"""Reminders arrive after everything was stopped, and at a steady pace: each once.

A short version is among the slow tests, the full ones are
`./todo test -n 0 -s -m faults tests/faults/test_reminders.py`; REMINDERS (100,000) says how many,
REMINDER_MINUTES (10) how long they come at a steady pace.
"""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.db import connection

from tests.acceptance.processes import eventually
from tests.faults.reminders import Outcome, scene, unrelayed
from tests.faults.run import number

pytestmark = pytest.mark.django_db(transaction=True)

_START = timedelta(seconds=5)  # what the processes need until they work


def soon() -> datetime:
    return datetime.now(UTC) + _START


def after_a_stop(folder: Path, *, count: int, seconds: float) -> Outcome:
    """All fell due while nothing ran, within ten minutes; then everything is started."""
    with scene(folder) as (processes, reminders):
        reminders.add(count, datetime.now(UTC) - timedelta(minutes=10), over=timedelta(minutes=10))
        began = time.time()
        processes.start("worker", "ticker", "beat", "relay")
        eventually(lambda: _all_claimed() and not unrelayed(), seconds=seconds)
        relayed = time.time()
        reminders.wait(datetime.now(UTC), seconds=seconds)
        found = reminders.outcome()
    print(
        f"\n{count} reminders of a stop: from the start of the processes {relayed - began:.1f} s until"
        f" the last event was relayed, {found.last - began:.1f} s until the last push arrived"
    )
    return found


def at_a_steady_pace(folder: Path, *, count: int, over: timedelta) -> Outcome:
    """So many come one after the other while everything runs."""
    with scene(folder) as (processes, reminders):
        processes.start("worker", "ticker", "beat", "relay")
        reminders.add(count, soon(), over=over)
        until = soon() + over
        time.sleep(over.total_seconds())
        reminders.wait(until, seconds=60)
        found = reminders.outcome()
    print(
        f"\n{count} reminders in {over}: at the push service {found.lateness(50):.2f} s (p50) and"
        f" {found.lateness(99):.2f} s (p99) after their time"
    )
    return found


def _all_claimed() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT NOT EXISTS (SELECT FROM tasks WHERE next_reminder_at <= now())")
        return bool(cursor.fetchone()[0])


def is_right(found: Outcome) -> None:
    assert not any(found.wrong.values()), found.wrong


@pytest.mark.slow
def test_what_fell_due_during_a_stop(tmp_path: Path) -> None:
    found = after_a_stop(tmp_path, count=300, seconds=60)
    is_right(found)
    assert found.again == []


@pytest.mark.faults
def test_all_that_fell_due_during_a_stop(tmp_path: Path) -> None:
    found = after_a_stop(tmp_path, count=number("REMINDERS", 100_000), seconds=1800)
    is_right(found)
    assert found.again == []


@pytest.mark.faults
def test_a_steady_pace(tmp_path: Path) -> None:
    """As many in ten minutes as there are of REMINDERS in an hour."""
    minutes = number("REMINDER_MINUTES", 10)
    count = number("REMINDERS", 100_000) * minutes // 60
    found = at_a_steady_pace(tmp_path, count=count, over=timedelta(minutes=minutes))
    is_right(found)
    assert found.again == []
