"""Beat goes on when its clock was ahead: what ran in the future is due now."""

from datetime import timedelta

import pytest
from django.conf import settings as project
from django.utils import timezone
from django_celery_beat.models import PeriodicTask
from pytest_django import Settings

from tests.todo_project.conftest import Played, wake_for_a_minute
from todo_project.celery import app
from todo_project.scheduler import Scheduler

pytestmark = pytest.mark.django_db(transaction=True)  # the library commits and closes connections

AHEAD = timedelta(hours=6)


def expected(name: str, seconds: float) -> object:
    return pytest.approx(seconds / project.CELERY_BEAT_SCHEDULE[name]["schedule"], abs=2)


@pytest.fixture(autouse=True)
def each_tick_is_sent(settings: Settings) -> None:
    settings.TICK_HAS_WORK = {}


def test_ticks_that_ran_in_the_future_are_due_when_they_are_loaded(
    played: Played, scheduler: Scheduler, sent: list[str]
) -> None:
    scheduler.sync()
    PeriodicTask.objects.update(last_run_at=timezone.now() + AHEAD)
    restarted = Scheduler(app=app)
    wake_for_a_minute(restarted, played)
    for name in project.CELERY_BEAT_SCHEDULE:
        assert name in sent
    assert sent.count("scan-reminders") == expected("scan-reminders", 60)
    restarted.sync()
    latest = PeriodicTask.objects.order_by("-last_run_at").values_list("last_run_at", flat=True)[0]
    assert latest <= timezone.now()


@pytest.mark.parametrize("back", [timedelta(seconds=10), timedelta(minutes=5), AHEAD])
def test_a_clock_that_is_set_back_stops_no_tick(
    played: Played, scheduler: Scheduler, sent: list[str], back: timedelta
) -> None:
    wake_for_a_minute(scheduler, played)
    sent.clear()
    played.set_back(back)
    wake_for_a_minute(scheduler, played)
    for name, tick in project.CELERY_BEAT_SCHEDULE.items():
        if tick["schedule"] < 60:
            assert sent.count(name) == expected(name, 60), name


def test_a_clock_that_was_ahead_for_a_while_stops_no_tick(
    played: Played, scheduler: Scheduler, sent: list[str]
) -> None:
    for step in (-AHEAD, AHEAD, -AHEAD, AHEAD):
        played.set_back(step)
        sent.clear()
        wake_for_a_minute(scheduler, played)
        assert sent.count("scan-reminders") == expected("scan-reminders", 60)
        assert sent.count("generate-due") == expected("generate-due", 60)
