"""Settings of a production; beat's scheduler, on a clock that a test plays."""

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
import time_machine
from django_celery_beat.schedulers import DatabaseScheduler
from pytest_django import Settings

from tests.todo_project.production import SAFE, SERVERS
from todo_project import scheduler as module
from todo_project.celery import app
from todo_project.scheduler import Scheduler


@pytest.fixture
def production(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings that a production start has nothing against."""
    for name, value in SAFE.items():
        setattr(settings, name, value)
    for name, value in SERVERS.items():
        monkeypatch.setenv(name, value)
    return settings


@pytest.fixture
def scheduler() -> Iterator[Scheduler]:
    scheduler = Scheduler(app=app)
    yield scheduler
    scheduler.sync()  # or it would write at the end of the whole run, when the tables are gone


class Played:
    """A clock that only a test moves: the wall's and the monotonic one."""

    def __init__(self, shift: Callable[[float], None]) -> None:
        self._shift = shift
        self.seconds = 0.0

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds
        self._shift(seconds)

    def set_back(self, by: timedelta) -> None:
        """Set the wall's clock, and not the monotonic one."""
        self._shift(-by.total_seconds())

    def monotonic(self) -> float:
        return self.seconds


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> Iterator[Played]:
    with time_machine.travel("2030-05-01T09:00:00Z", tick=False) as traveller:
        clock = Played(traveller.shift)
        monkeypatch.setattr(module, "monotonic", clock.monotonic)
        yield clock


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the ticks that were sent, which no broker takes."""
    names: list[str] = []
    monkeypatch.setattr(
        DatabaseScheduler, "apply_entry", lambda _self, entry, _producer=None: names.append(entry.name)
    )
    return names


def wake_for_a_minute(scheduler: Scheduler, clock: Played) -> int:
    """As beat's own loop; how often it slept."""
    slept, until = 0, clock.seconds + 60
    while clock.seconds < until:
        if (interval := scheduler.tick()) and interval > 0:
            clock.sleep(interval)
            slept += 1
    return slept
