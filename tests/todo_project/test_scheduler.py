"""Beat wakes for its ticks alone, and keeps its schedule while PostgreSQL is unavailable."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import InterfaceError, OperationalError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask, PeriodicTasks
from django_celery_beat.schedulers import SCHEDULE_SYNC_MAX_INTERVAL
from pytest_django import Settings

from tests.todo_project.conftest import Played, wake_for_a_minute
from todo_project.celery import app
from todo_project.scheduler import CHANGES_EVERY_SECONDS, Entry, Scheduler

pytestmark = pytest.mark.django_db(transaction=True)  # the library commits and closes connections


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
    PeriodicTask.objects.filter(name="scan-reminders").update(
        enabled=False
    )  # without a notice, like a lost change
    assert set(scheduler.schedule) == before - {"scan-reminders"}


def test_a_start_without_the_database_fails(scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch) -> None:
    scheduler._schedule, scheduler._initial_read = None, True
    monkeypatch.setattr(Scheduler, "all_as_schedule", refuse(OperationalError("away")))
    with pytest.raises(OperationalError, match="away"):
        _ = scheduler.schedule


def test_it_wakes_for_a_tick_and_not_before(
    played: Played, scheduler: Scheduler, sent: list[str], settings: Settings
) -> None:
    settings.TICK_HAS_WORK = {}  # so that each is sent every time
    slept = wake_for_a_minute(scheduler, played)
    for name, tick in settings.CELERY_BEAT_SCHEDULE.items():
        assert sent.count(name) == pytest.approx(60 / tick["schedule"], abs=1), name
    assert slept <= len(sent)


@pytest.mark.usefixtures("sent")
def test_it_wakes_once_for_all_ticks_of_a_second(played: Played, scheduler: Scheduler) -> None:
    scheduler.sync()
    for number, tick in enumerate(PeriodicTask.objects.all()):
        tick.last_run_at = timezone.now() - timedelta(milliseconds=37 * number)
        tick.save(update_fields=["last_run_at"])
    restarted = Scheduler(app=app)
    assert wake_for_a_minute(restarted, played) > 61  # the first time, each comes when it did before
    assert wake_for_a_minute(restarted, played) <= 61
    restarted.sync()


def test_a_tick_of_parts_of_a_second_keeps_them(played: Played) -> None:
    often = IntervalSchedule.objects.create(every=1_500_000, period=IntervalSchedule.MICROSECONDS)
    tick = PeriodicTask.objects.create(name="often", task="often", interval=often)
    entry = Entry(tick, app=app)
    played.sleep(1.7)
    assert next(entry).last_run_at == timezone.now()


@pytest.mark.usefixtures("scheduler")
def test_a_start_writes_nothing_that_the_table_has() -> None:
    with CaptureQueriesContext(connection) as queries:
        Scheduler(app=app)
    asked = [query["sql"] for query in queries]
    assert [sql for sql in asked if sql.startswith(("INSERT", "UPDATE", "DELETE"))] == []


@pytest.mark.usefixtures("scheduler")
@pytest.mark.parametrize(
    "change",
    [{"queue": "others"}, {"task": "others"}, {"expire_seconds": None}, {"kwargs": '{"limit": 1}'}],
)
def test_a_start_gives_a_tick_back_what_the_settings_say(change: dict[str, Any]) -> None:
    row = PeriodicTask.objects.filter(name="scan-reminders")
    before = row.values(*change).get()
    row.update(**change)
    Scheduler(app=app)
    assert row.values(*change).get() == before


@pytest.mark.usefixtures("scheduler")
def test_a_start_gives_a_tick_back_its_interval() -> None:
    row = PeriodicTask.objects.filter(name="scan-reminders")
    row.update(interval=IntervalSchedule.objects.create(every=7, period=IntervalSchedule.MINUTES))
    assert Scheduler(app=app).schedule["scan-reminders"].schedule.seconds == 1


@pytest.mark.usefixtures("scheduler")
def test_a_tick_that_the_table_has_expires(settings: Settings) -> None:
    loaded = Scheduler(app=app).schedule
    for name, tick in settings.CELERY_BEAT_SCHEDULE.items():
        assert 1 <= loaded[name].options["expires"] <= max(1, tick["schedule"]), name


@pytest.mark.usefixtures("sent")
def test_it_asks_for_changes_every_few_seconds_only(played: Played, scheduler: Scheduler) -> None:
    with CaptureQueriesContext(connection) as queries:
        wake_for_a_minute(scheduler, played)
    asked = [query for query in queries if PeriodicTasks._meta.db_table in query["sql"]]
    assert 1 < len(asked) <= 60 / CHANGES_EVERY_SECONDS + 1


def test_a_change_is_seen_after_these_seconds(played: Played, scheduler: Scheduler, sent: list[str]) -> None:
    wake_for_a_minute(scheduler, played)
    assert "announce-due-soon" in sent
    tick = PeriodicTask.objects.get(name="announce-due-soon")
    tick.enabled = False
    tick.save()
    played.sleep(CHANGES_EVERY_SECONDS)
    scheduler.tick()
    sent.clear()
    wake_for_a_minute(scheduler, played)
    assert "announce-due-soon" not in sent


@pytest.mark.usefixtures("sent")
def test_beat_is_ready_when_it_has_ticked(
    scheduler: Scheduler, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TODO_READY_FILE", str(tmp_path / "beat"))
    assert not (tmp_path / "beat").exists()
    scheduler.tick()
    assert (tmp_path / "beat").exists()
    (tmp_path / "beat").unlink()
    scheduler.tick()
    assert not (tmp_path / "beat").exists()  # said once
