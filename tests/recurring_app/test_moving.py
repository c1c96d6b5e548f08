"""A user moves to another time zone with all open series and templates: `move_series`."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.db import OperationalError
from rest_framework.test import APIClient

from accounts_app.models import User
from events_app.brokers import InProcessBroker
from events_app.models import OutboxEvent
from events_app.relay import relay_batch
from recurring_app.models import RecurringTask
from tasks_app import moving
from tasks_app.models import SeriesMove, Task
from tasks_app.services import complete_task, create_task, reopen_task, snooze_task, update_task
from tasks_app.tasks import move_series

pytestmark = pytest.mark.django_db
BERLIN = ZoneInfo("Europe/Berlin")
MONDAY = datetime(2026, 3, 30, 9, tzinfo=BERLIN)


@pytest.fixture(autouse=True)
def early_on_monday():
    with time_machine.travel(MONDAY - timedelta(hours=2), tick=False) as traveller:
        yield traveller


@pytest.fixture
def move(alice: User, client_of: Callable[[User], APIClient]) -> Callable[..., Any]:
    def to(zone: str) -> Any:
        return client_of(alice).patch("/api/me", {"timezone": zone, "move_series": True})

    return to


def daily(user: User, **fields: Any) -> Task:
    return create_task(user, title="report", **{"recurrence_rule": "daily", "due_at": MONDAY} | fields)


def relay() -> None:
    while relay_batch(InProcessBroker()):
        pass


def completed(task: Task) -> Task:
    """The task that follows it."""
    complete_task(Task.objects.locked().get(pk=task.pk))
    relay()
    return Task.objects.get(generated_from=task)


def wall(task: Task) -> list[str | None]:
    """Zone, and due_at, reminder_at and recurrence_end on a clock there."""
    task.refresh_from_db()
    zone = ZoneInfo(task.timezone)
    times = (task.due_at, task.reminder_at, task.recurrence_end)
    return [task.timezone, *(time and f"{time.astimezone(zone):%d %H:%M:%S}" for time in times)]


@pytest.mark.parametrize(
    "zone", ["America/New_York", "Asia/Tokyo", "Pacific/Kiritimati", "Pacific/Pago_Pago"]
)
def test_every_local_time_stays(zone: str, alice: User, move: Any) -> None:
    fields = {
        "reminder_at": MONDAY - timedelta(hours=1),
        "recurrence_end": datetime(2026, 4, 30, 21, 59, 59, tzinfo=UTC),
    }
    task = daily(alice, **fields)
    head = task.series_id
    assert move(zone).status_code == 200
    assert wall(task) == [zone, "30 09:00:00", "30 08:00:00", "30 23:59:59"]
    assert task.series_id != head
    assert wall(completed(task)) == [zone, "31 09:00:00", "31 08:00:00", "30 23:59:59"]
    assert not SeriesMove.objects.exists()


def test_one_that_was_moved_alone_keeps_its_place(alice: User, move: Any) -> None:
    task = update_task(daily(alice), due_at=MONDAY + timedelta(hours=5))
    move("Asia/Tokyo")
    assert wall(task)[1] == "30 14:00:00"
    assert wall(completed(task))[1] == "31 09:00:00"


def test_what_is_done_and_what_does_not_recur_stays(alice: User, bob: User, move: Any) -> None:
    done = daily(alice)
    following = completed(done)
    others = [create_task(alice, title="once", due_at=MONDAY), daily(bob)]
    before = [wall(done), *map(wall, others)]
    move("Asia/Tokyo")
    assert [wall(done), *map(wall, others)] == before
    assert wall(following)[:2] == ["Asia/Tokyo", "31 09:00:00"]
    assert following.parent_task_id == done.pk


def test_it_is_a_change_with_its_events(alice: User, move: Any) -> None:
    task = daily(alice)
    OutboxEvent.objects.all().delete()
    move("Asia/Tokyo")
    event = OutboxEvent.objects.get(type="task.updated")
    assert event.data["task_data"]["timezone"] == "Asia/Tokyo"
    assert Task.objects.get(pk=task.pk).version == event.sequence == 2


def test_a_snooze_stays(alice: User, move: Any) -> None:
    until = MONDAY - timedelta(minutes=90)
    task = snooze_task(daily(alice, reminder_offsets=[30]), until=until)
    move("Asia/Tokyo")
    task.refresh_from_db()
    assert (task.snoozed_until, task.next_reminder_at) == (until, until)


def test_what_is_left_of_a_count(alice: User, move: Any) -> None:
    task = completed(daily(alice, recurrence_rule="rrule:FREQ=DAILY;COUNT=3"))
    move("Asia/Tokyo")
    last = completed(task)
    complete_task(Task.objects.locked().get(pk=last.pk))
    relay()
    assert not Task.objects.filter(generated_from=last).exists()


def test_two_open_ones_stay_in_one_series(alice: User, move: Any) -> None:
    first = daily(alice)
    second = update_task(completed(first), title="report to all")
    reopen_task(Task.objects.locked().get(pk=first.pk))
    move("Asia/Tokyo")
    first.refresh_from_db()
    second.refresh_from_db()
    assert first.series_id == second.series_id


def test_a_next_one_that_only_moved_is_undone(alice: User, move: Any) -> None:
    first = daily(alice)
    second = completed(first)
    move("Asia/Tokyo")
    reopen_task(Task.objects.locked().get(pk=first.pk))
    second.refresh_from_db()
    assert second.deleted_at is not None
    assert completed(first) == second
    second.refresh_from_db()
    assert second.deleted_at is None
    assert (second.series_id, second.timezone) == (first.series_id, first.timezone)


def test_a_completion_that_is_handled_after_the_move(alice: User, move: Any) -> None:
    """What it creates is computed from the event, in the zone of before: the tick moves it."""
    task = daily(alice)
    complete_task(task)
    move("Asia/Tokyo")
    assert moving.has_moves()
    relay()
    assert move_series() == 1
    assert wall(Task.objects.get(generated_from=task))[:2] == ["Asia/Tokyo", "31 09:00:00"]
    assert not moving.has_moves()


def test_one_that_nobody_handles_is_not_waited_for_for_ever(
    alice: User, move: Any, early_on_monday: time_machine.Traveller
) -> None:
    complete_task(daily(alice))
    move("Asia/Tokyo")
    early_on_monday.shift(moving.LATEST_HANDLING + timedelta(seconds=1))
    assert move_series() == 0
    assert not moving.has_moves()


def test_a_series_made_after_the_move_stays_where_it_was_made(
    alice: User, move: Any, early_on_monday: time_machine.Traveller
) -> None:
    waiting = daily(alice)
    complete_task(waiting)
    move("Asia/Tokyo")
    early_on_monday.shift(60)
    own = daily(alice, timezone="Europe/Paris")
    move_series()
    assert wall(own)[0] == "Europe/Paris"


class TestManyTasks:
    @pytest.fixture(autouse=True)
    def small_batches(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(moving, "BATCH", 2)

    def test_the_rest_is_moved_by_the_tick(self, alice: User, move: Any) -> None:
        for _ in range(5):
            daily(alice)
        move("Asia/Tokyo")
        moved = Task.objects.filter(timezone="Asia/Tokyo")
        assert moved.count() == 2
        assert move_series() == 3
        assert moved.count() == 5
        assert not moving.has_moves()

    def test_a_crash_half_way_loses_nothing(self, alice: User, move: Any) -> None:
        tasks = [daily(alice) for _ in range(5)]
        move("Asia/Tokyo")
        outage = OperationalError("terminating connection due to administrator command")
        with (
            patch("tasks_app.task_events.record", side_effect=[None, outage]),
            pytest.raises(OperationalError),
        ):
            move_series()
        assert move_series() == 1
        assert {tuple(wall(task)[:2]) for task in tasks} == {("Asia/Tokyo", "30 09:00:00")}

    def test_the_newest_move_counts(self, alice: User, move: Any) -> None:
        tasks = [daily(alice) for _ in range(5)]
        move("Asia/Tokyo")
        move("America/New_York")
        move_series()
        assert {tuple(wall(task)[:2]) for task in tasks} == {("America/New_York", "30 09:00:00")}


def test_templates_move_too(alice: User, move: Any) -> None:
    RecurringTask.objects.create(
        user=alice,
        template_title="report",
        recurrence_pattern="daily",
        timezone="Europe/Berlin",
        starts_at=datetime(2026, 3, 30, 9),  # noqa: DTZ001 - a wall clock's
        next_occurrence=MONDAY,
    )
    move("Asia/Tokyo")
    template = RecurringTask.objects.get()
    assert template.next_occurrence == datetime(2026, 3, 31, 9, tzinfo=ZoneInfo("Asia/Tokyo"))


def test_a_template_whose_rule_is_not_accepted_any_more_stays(alice: User, move: Any) -> None:
    task = daily(alice)
    RecurringTask.objects.create(
        user=alice,
        template_title="report",
        recurrence_pattern="custom",
        cron_expression="0 9 4,*/26 * *",  # accepted by an earlier version
        timezone="Europe/Berlin",
        starts_at=datetime(2026, 3, 30, 9),  # noqa: DTZ001 - a wall clock's
        next_occurrence=MONDAY,
    )
    assert move("Asia/Tokyo").status_code == 200
    assert wall(task)[0] == "Asia/Tokyo"
    assert RecurringTask.objects.get().timezone == "Europe/Berlin"


def test_without_it_nothing_moves(alice: User, client_of: Callable[[User], APIClient]) -> None:
    task = daily(alice)
    client_of(alice).patch("/api/me", {"timezone": "Asia/Tokyo"})
    client_of(alice).patch("/api/me", {"timezone": "Asia/Tokyo", "move_series": False})
    assert wall(task)[:2] == ["Europe/Berlin", "30 09:00:00"]


def test_not_without_the_zone(alice: User, client_of: Callable[[User], APIClient]) -> None:
    answer = client_of(alice).patch("/api/me", {"move_series": True})
    assert [(error["code"], error["attr"]) for error in answer.json()["errors"]] == [("required", "timezone")]
