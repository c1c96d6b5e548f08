"""Undo: an occurrence that is opened again takes its untouched successor back, and gives it out again."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine

from accounts_app.models import User
from events_app.brokers import InProcessBroker
from events_app.envelope import Event, from_row
from events_app.handling import handle
from events_app.models import OutboxEvent, ParkedEvent
from events_app.relay import relay_batch
from notifications_app.scan import scan_reminders
from tasks_app.models import SeriesSlot, Tag, Task
from tasks_app.services import (
    complete_task,
    create_task,
    reopen_task,
    restore_task,
    skip_task,
    snooze_task,
    trash_task,
    update_task,
)
from tests.tasks_app.recorded import recorded

pytestmark = pytest.mark.django_db
BERLIN = ZoneInfo("Europe/Berlin")
MONDAY = datetime(2026, 3, 23, 9, tzinfo=BERLIN)
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def early_on_monday():
    with time_machine.travel(MONDAY - timedelta(hours=2), tick=False) as traveller:
        yield traveller


@pytest.fixture
def task(alice: User) -> Task:
    return create_task(alice, title="water the plants", due_at=MONDAY, recurrence_rule="daily")


def relay() -> None:
    while relay_batch(InProcessBroker()):
        pass
    assert not ParkedEvent.objects.exists()


def fresh(task: Task) -> Task:
    return Task.objects.locked().get(pk=task.pk)


def completed(task: Task) -> Task:
    """The task after its completion was handled."""
    complete_task(fresh(task))
    relay()
    return fresh(task)


def completion_of(task: Task) -> Event:
    """The event of the completion, taken out of the outbox before any relay sees it."""
    complete_task(fresh(task))
    row = OutboxEvent.objects.get(type="task.completed", subject=str(task.pk))
    OutboxEvent.objects.all().delete()
    return from_row(row)


def successor(task: Task) -> Task:
    return Task.objects.locked().get(generated_from=task)


def open_ones() -> set[int]:
    return set(Task.objects.filter(completed=False, deleted_at=None).values_list("pk", flat=True))


def reopen(task: Task) -> None:
    reopen_task(fresh(task))
    relay()


def test_reopening_takes_an_untouched_successor_to_the_trash(task: Task) -> None:
    child = successor(completed(task))
    with recorded() as found:
        reopen_task(fresh(task))
    assert open_ones() == {task.pk}
    assert found.types == [("task.updated", task.pk), ("task.deleted", child.pk)]


def test_completing_again_brings_the_same_row_to_the_slot_of_now(task: Task, early_on_monday) -> None:
    child = successor(completed(task))
    reopen(task)
    early_on_monday.shift(5 * DAY)
    completed(task)
    assert open_ones() == {child.pk}
    assert fresh(child).due_at == fresh(child).occurrence_at == MONDAY + 5 * DAY


def test_what_was_changed_meanwhile_is_carried_over(task: Task, alice: User) -> None:
    child = successor(completed(task))
    reopen(task)
    tag = Tag.objects.create(user=alice, name="garden")
    update_task(fresh(task), title="water all of them", recurrence_rule="weekly", tags=[tag])
    completed(task)
    back = fresh(child)
    assert (back.title, list(back.tags.all()), back.due_at) == (
        "water all of them",
        [tag],
        MONDAY + 7 * DAY,
    )
    assert (back.series_id, back.parent_task_id) == (fresh(task).series_id, task.pk)


@pytest.mark.parametrize(
    "touch",
    [
        lambda child: update_task(child, title="water all of them"),
        lambda child: update_task(child, tags=[Tag.objects.create(user_id=child.user_id, name="garden")]),
        lambda child: snooze_task(child, until=MONDAY + DAY),
        lambda child: reopen_task(complete_task(child)),
        lambda child: complete_task(child),
    ],
    ids=["edited", "tagged", "snoozed", "completed and reopened", "completed"],
)
def test_a_touched_successor_stays(task: Task, touch) -> None:
    child = successor(completed(task))
    touch(child)
    reopen(task)
    assert fresh(child).deleted_at is None


def test_one_that_has_rung_stays(alice: User, early_on_monday) -> None:
    task = create_task(alice, title="water", due_at=MONDAY, recurrence_rule="daily", reminder_offsets=[30])
    child = successor(completed(task))
    early_on_monday.shift(DAY + timedelta(hours=2))
    assert scan_reminders() == 1
    reopen(task)
    assert open_ones() == {task.pk, child.pk}


def test_one_that_was_only_in_the_trash_is_untouched(task: Task) -> None:
    child = successor(completed(task))
    restore_task(trash_task(child))
    reopen(task)
    assert open_ones() == {task.pk}


def test_complete_trash_the_successor_reopen_complete(task: Task) -> None:
    """The series does not end silently."""
    child = successor(completed(task))
    trash_task(child)
    relay()
    reopen(task)
    completed(task)
    assert open_ones() == {child.pk}


def test_an_edited_one_comes_back_with_its_edits(task: Task, early_on_monday) -> None:
    child = successor(completed(task))
    trash_task(update_task(child, title="water the roses", due_at=MONDAY + DAY + timedelta(hours=3)))
    reopen(task)
    completed(task)
    assert (fresh(child).title, fresh(child).due_at) == ("water the roses", MONDAY + DAY + timedelta(hours=3))
    trash_task(fresh(child))
    reopen(task)
    early_on_monday.shift(3 * DAY)
    completed(task)
    assert (fresh(child).title, fresh(child).due_at) == ("water the roses", MONDAY + 3 * DAY)


def test_one_that_was_done_or_has_a_successor_does_not_come_back(task: Task) -> None:
    child = successor(completed(task))
    grandchild = successor(completed(child))
    trash_task(fresh(child))
    trash_task(fresh(grandchild))
    reopen(task)
    completed(task)
    assert open_ones() == set()


def test_an_erased_one_is_created_anew_by_a_newer_completion_alone(task: Task) -> None:
    event = completion_of(task)
    handle("recurring", event)
    successor(task).delete()
    handle("recurring", event)
    assert open_ones() == set()
    reopen(task)
    completed(task)
    again = successor(task)
    handle("recurring", event)
    assert open_ones() == {again.pk}
    grandchild = successor(completed(again))  # its version is lower than that of the erased one
    assert open_ones() == {grandchild.pk}


def test_a_replayed_completion_revives_nothing(task: Task) -> None:
    event = completion_of(task)
    handle("recurring", event)
    trash_task(successor(task))
    handle("recurring", event)
    assert open_ones() == set()


def test_a_completion_undone_before_it_is_handled_creates_nothing(task: Task, early_on_monday) -> None:
    late = completion_of(task)
    reopen_task(fresh(task))
    handle("recurring", late)
    assert open_ones() == {task.pk}
    early_on_monday.shift(5 * DAY)
    completed(task)
    handle("recurring", late)
    assert successor(task).due_at == MONDAY + 5 * DAY
    assert Task.objects.count() == 2


def test_a_late_completion_of_an_open_task_that_was_erased_since(task: Task) -> None:
    late = completion_of(task)
    reopen_task(fresh(task))
    fresh(task).delete()
    handle("recurring", late)
    assert not Task.objects.exists()


def test_the_clock_may_go_back_an_hour(task: Task, early_on_monday) -> None:
    child = successor(completed(task))
    reopen(task)
    early_on_monday.shift(-timedelta(hours=1))
    completed(task)
    assert open_ones() == {child.pk}


def test_restoring_a_skipped_one_takes_its_successor_back(task: Task) -> None:
    skip_task(fresh(task))
    child = successor(task)
    assert open_ones() == {child.pk}
    restore_task(fresh(task))
    relay()
    assert open_ones() == {task.pk}
    assert skip_task(fresh(task)) == child.pk
    assert open_ones() == {child.pk}
    restore_task(fresh(task))
    completed(task)
    assert open_ones() == {child.pk}


def test_one_of_another_series_since_comes_back_as_it_was(task: Task) -> None:
    child = successor(completed(task))
    trash_task(update_task(child, recurrence_rule="weekly"))
    reopen(task)
    completed(task)
    assert open_ones() == {child.pk}
    assert fresh(child).series_id != fresh(task).series_id


def test_reminders_of_one_that_came_back(alice: User, early_on_monday) -> None:
    task = create_task(alice, title="water", due_at=MONDAY, recurrence_rule="daily", reminder_offsets=[30])
    child = successor(completed(task))
    reopen(task)
    assert fresh(child).next_reminder_at is None
    early_on_monday.shift(60)
    event = completion_of(task)
    early_on_monday.shift(2 * DAY)  # handled late: what came due meanwhile still rings
    handle("recurring", event)
    assert fresh(child).next_reminder_at == MONDAY + DAY - timedelta(minutes=30)


def test_slots_that_a_late_completion_passed_are_missed(task: Task, early_on_monday) -> None:
    early_on_monday.shift(3 * DAY)
    child = successor(completed(task))
    slots = dict(SeriesSlot.objects.values_list("slot_at", "outcome"))
    assert slots == {MONDAY: "done", MONDAY + DAY: "missed", MONDAY + 2 * DAY: "missed"}
    assert child.due_at == MONDAY + 3 * DAY


def test_a_month_of_missed_slots_and_no_more(task: Task, early_on_monday) -> None:
    early_on_monday.shift(100 * DAY)
    completed(task)
    missed = SeriesSlot.objects.filter(outcome="missed")
    assert missed.count() == 31
    assert missed.latest("slot_at").slot_at == MONDAY + 99 * DAY


def test_a_missed_slot_can_be_done_later(task: Task, early_on_monday) -> None:
    early_on_monday.shift(2 * DAY)
    child = successor(completed(task))
    reopen(task)
    early_on_monday.shift(-2 * DAY)
    completed(task)
    assert fresh(child).occurrence_at == MONDAY + DAY
    completed(child)
    assert SeriesSlot.objects.get(slot_at=MONDAY + DAY).outcome == "done"
    assert successor(child).due_at == MONDAY + 2 * DAY
