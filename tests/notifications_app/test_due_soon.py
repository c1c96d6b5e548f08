"""task.due.approaching: once for each task and due_at, within the day before it."""

from datetime import timedelta

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts_app.models import User
from events_app.models import OutboxEvent
from notifications_app.due_soon import announce_due_soon
from tasks_app.models import Tag, Task
from tasks_app.services import update_task
from tests.notifications_app.conftest import NOON

DAY = timedelta(hours=24)


def announced() -> list[OutboxEvent]:
    return list(OutboxEvent.objects.filter(type="task.due.approaching").order_by("id"))


def due_in(user: User, distance: timedelta, **fields: object) -> Task:
    return Task.objects.create(user=user, title="Hand in the tax return", due_at=NOON + distance, **fields)


def test_it_is_recorded_once_with_the_whole_task(alice: User, noon: time_machine.Traveller) -> None:
    task = due_in(alice, DAY)
    tag = Tag.objects.create(user=alice, name="money")
    update_task(task, tags=[tag])

    assert announce_due_soon() == 1
    assert announce_due_soon() == 0

    task.refresh_from_db()
    (event,) = announced()
    assert (event.topic, event.key, event.subject) == ("task-events", str(alice.pk), str(task.pk))
    assert (event.sequence, event.data["event_type"]) == (task.version, "due.approaching")
    assert event.data["task_data"]["title"] == "Hand in the tax return"
    assert event.data["task_data"]["tag_ids"] == [tag.pk]
    assert event.data["timestamp"] == NOON.isoformat()


def test_it_is_no_change_of_the_task(alice: User, noon: time_machine.Traveller) -> None:
    task = due_in(alice, DAY)
    OutboxEvent.objects.all().delete()
    announce_due_soon()
    assert [event.type for event in OutboxEvent.objects.all()] == ["task.due.approaching"]
    assert Task.objects.get().version == task.version


def test_it_is_recorded_again_for_another_due_date(alice: User, noon: time_machine.Traveller) -> None:
    task = due_in(alice, timedelta(hours=3))
    announce_due_soon()
    task.due_at = NOON + timedelta(hours=5)
    task.save()
    assert announce_due_soon() == 1
    task.title = "Hand it in"
    task.save()
    assert announce_due_soon() == 0


@pytest.mark.parametrize("distance", [DAY + timedelta(seconds=1), timedelta(0), timedelta(hours=-1)])
def test_nothing_is_recorded_outside_of_the_day_before(
    alice: User, noon: time_machine.Traveller, distance: timedelta
) -> None:
    due_in(alice, distance)
    assert announce_due_soon() == 0


@pytest.mark.parametrize("closed", [{"completed": True}, {"archived": True}, {"deleted_at": NOON}])
def test_nothing_is_recorded_of_closed_tasks(
    alice: User, noon: time_machine.Traveller, closed: dict[str, object]
) -> None:
    due_in(alice, timedelta(hours=1), **closed)
    assert announce_due_soon() == 0


def test_all_batches_are_recorded_soonest_first(alice: User, noon: time_machine.Traveller) -> None:
    for hours in (5, 1, 4, 2, 3):
        due_in(alice, timedelta(hours=hours))
    assert announce_due_soon(limit=2) == 5
    told = [event.data["task_data"]["due_at"] for event in announced()]
    assert told == sorted(told)


def test_a_batch_costs_the_same_statements_whatever_its_size(
    alice: User, noon: time_machine.Traveller
) -> None:
    def statements_for(tasks: int) -> int:
        for _ in range(tasks):
            due_in(alice, timedelta(hours=1))
        with CaptureQueriesContext(connection) as queries:
            assert announce_due_soon() == tasks
        return len([query for query in queries if "SAVEPOINT" not in query["sql"]])

    assert statements_for(2) == statements_for(30) == 5
