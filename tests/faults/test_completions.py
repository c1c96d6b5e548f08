"""Occurrences are completed, reopened and skipped while two consumers are killed and clocks are wrong.

Every completion comes three times to each consumer, in any order. Each ended occurrence has one successor,
and each series one open occurrence. The short run is among the slow tests; the full one is
`./todo test -n 0 -s -m faults tests/faults/test_completions.py`.
"""

import random
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta

import pytest
import time_machine
from django.db import connection, transaction
from django.db.models import Count, Q
from django.utils import timezone

from accounts_app.models import User
from devkit.embedded.processes import kill_group
from events_app.models import DeadLetter, ParkedEvent
from tasks_app.models import OPEN, Task
from tasks_app.services import complete_task, create_task, reopen_task, skip_task
from tests.acceptance.processes import ROOT, environment

HOUR = 3600
PATIENCE_SECONDS = 600
WRONG_BY = (-HOUR, HOUR)


class Consumers:
    """One whose clock is behind, one whose clock is ahead."""

    def __init__(self) -> None:
        self.processes = [self._start(seconds) for seconds in WRONG_BY]
        self.kills = 0

    def kill(self, number: int) -> None:
        self._end(number)
        self.processes[number] = self._start(WRONG_BY[number])
        self.kills += 1

    def stop(self) -> None:
        for number in range(len(self.processes)):
            self._end(number)

    def _end(self, number: int) -> None:
        kill_group(self.processes[number].pid)
        self.processes[number].wait()

    @staticmethod
    def _start(seconds: int) -> subprocess.Popen[bytes]:
        module = "tests.faults.completions_consumer"
        command = [sys.executable, "-m", "tests.faults.wrong_clock", str(seconds), module]
        return subprocess.Popen(command, cwd=ROOT, env=environment(), start_new_session=True)


def one_day(chance: random.Random, user: User) -> int:
    """End every open occurrence: most are completed, some twice, some are skipped; how many."""
    ids = list(Task.objects.filter(OPEN, user=user).values_list("pk", flat=True))
    for pk in ids:
        _change(pk, skip_task if chance.random() < 0.2 else complete_task)
        if chance.random() < 0.3 and Task.objects.get(pk=pk).completed:
            _change(pk, reopen_task)
            _change(pk, complete_task)
    return len(ids)


def _change(pk: int, action: Callable[[Task], object]) -> None:
    with transaction.atomic():
        action(Task.objects.locked().get(pk=pk))


def run(user: User, *, series: int, days: int) -> None:
    chance = random.Random(series)
    due_at = timezone.now() + timedelta(hours=2)
    for _ in range(series):
        create_task(user, title="water the plants", due_at=due_at, recurrence_rule="daily")
    consumers, ended = Consumers(), 0
    try:
        with time_machine.travel(timezone.now(), tick=True) as clock:
            for day in range(days):
                ended += one_day(chance, user)
                clock.shift(chance.choice([-HOUR, 0, HOUR]))
                consumers.kill(day % 2)
                wait_for(lambda: has_one_open_each(user, series))
        consumers.kill(0)  # what was handled comes again, all of it
        wait_for(lambda: has_one_open_each(user, series) and not ParkedEvent.objects.exists())
    finally:
        consumers.stop()
    assert Task.objects.filter(user=user).count() == ended + series
    assert missing(user) == 0
    assert not DeadLetter.objects.exists()
    print(f"\n{ended} ended, {consumers.kills} kills: 0 twice, 0 missing")


def has_one_open_each(user: User, series: int) -> bool:
    of_series = Task.objects.filter(user=user).order_by().values("series_id")
    counted = of_series.annotate(number=Count("pk", filter=OPEN)).values_list("number", flat=True)
    assert max(counted) <= 1, "two open occurrences in a series"
    return list(counted) == [1] * series


def missing(user: User) -> int:
    """Ended occurrences without a successor."""
    ended = Task.objects.filter(Q(completed=True) | Q(slot_state="skipped"), user=user)
    return ended.filter(successor=None).count()


def wait_for(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < deadline, "not there in time"
        connection.close()
        time.sleep(0.1)


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_some_series(charlie: User) -> None:
    run(charlie, series=15, days=4)


@pytest.mark.faults
@pytest.mark.django_db(transaction=True)
def test_many_series(charlie: User) -> None:
    run(charlie, series=250, days=40)
