"""Beat goes on with the schedule it has while PostgreSQL is away, and reads it again afterwards."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import InterfaceError, OperationalError
from django_celery_beat.models import PeriodicTask
from django_celery_beat.schedulers import SCHEDULE_SYNC_MAX_INTERVAL

from todo_project.celery import app
from todo_project.scheduler import Scheduler

pytestmark = pytest.mark.django_db(transaction=True)  # the library commits and closes connections


@pytest.fixture
def scheduler() -> Scheduler:
    return Scheduler(app=app)


def refuse(error: Exception) -> Any:
    def read(_scheduler: Scheduler) -> Any:
        raise error

    return read


@pytest.mark.parametrize("error", [OperationalError("the database system is starting up"), InterfaceError()])
def test_the_schedule_of_before_holds_and_what_changed_meanwhile_is_read_at_once(
    scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    before = set(scheduler.schedule)
    assert "scan-reminders" in before
    scheduler._last_full_sync = datetime.now() - timedelta(seconds=SCHEDULE_SYNC_MAX_INTERVAL)  # noqa: DTZ005
    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(Scheduler, "all_as_schedule", refuse(error))
        assert set(scheduler.schedule) == before
    PeriodicTask.objects.filter(name="scan-reminders").update(enabled=False)  # tells nobody, as a lost change
    assert set(scheduler.schedule) == before - {"scan-reminders"}


def test_a_start_without_the_database_fails(scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch) -> None:
    scheduler._schedule, scheduler._initial_read = None, True
    monkeypatch.setattr(Scheduler, "all_as_schedule", refuse(OperationalError("away")))
    with pytest.raises(OperationalError, match="away"):
        _ = scheduler.schedule
