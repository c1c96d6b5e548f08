"""Completing a recurring task creates its next occurrence, once, through the event."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine

from accounts_app.erasure import close_account, erase_closed_accounts
from accounts_app.models import User
from events_app.brokers import InProcessBroker
from events_app.catalogue import TaskData
from events_app.envelope import Event, from_row
from events_app.handling import handle
from events_app.models import OutboxEvent, ParkedEvent
from events_app.relay import relay_batch
from tasks_app.models import Priority, Tag, Task
from tasks_app.services import complete_task, create_task, reopen_task, trash_task, update_task

pytestmark = pytest.mark.django_db
BERLIN = ZoneInfo("Europe/Berlin")
MONDAY = datetime(2026, 3, 23, 9, tzinfo=BERLIN)

# The fields that the next occurrence has from the completed task ...
INHERITED = {
    "user_id", "title", "description", "color", "pinned", "reminder_offsets", "rings_in_quiet_hours",
    "is_recurring", "recurrence_rule", "recurrence_end", "recurrence_mode", "timezone", "priority_id",
    "series_id", "anchor_local",
}  # fmt: skip
# ... and those of its own. Its tags and its reminder_at are inherited too, with tests of their own.
ITS_OWN = {
    "id", "external_id", "completed", "completed_at", "archived", "deleted_at", "due_at", "reminder_at",
    "reminder_sent", "all_day", "due_date", "snoozed_until", "occurrence_at", "slot_state",
    "parent_task_id", "recurring_task_id", "tag_ids", "version", "created_at", "updated_at",
    "series_has_due", "series_all_day", "reminder_distance",
}  # fmt: skip


@pytest.fixture(autouse=True)
def early_on_monday():
    with time_machine.travel(MONDAY - timedelta(hours=2), tick=False) as traveller:
        yield traveller


def relay() -> None:
    while relay_batch(InProcessBroker()):
        pass
    assert not ParkedEvent.objects.exists()


def recurring(user: User, rule: str = "daily", **fields: object) -> Task:
    fields.setdefault("due_at", MONDAY)
    return create_task(user, title="water the plants", recurrence_rule=rule, **fields)


def successor(task: Task) -> Task:
    return Task.objects.get(generated_from=task)


def completed(task: Task) -> Event:
    """The event of the completion, taken out of the outbox before any relay sees it."""
    complete_task(task)
    row = OutboxEvent.objects.get(type="task.completed", subject=str(task.pk))
    OutboxEvent.objects.all().delete()
    return from_row(row)


def test_each_field_is_inherited_or_not() -> None:
    assert set(TaskData.model_fields) == INHERITED | ITS_OWN, (
        "add a new field to INHERITED, and copy it in tasks_app/occurrences.py; or add it to ITS_OWN"
    )


def test_the_next_one_carries_everything(alice: User) -> None:
    tag = Tag.objects.create(user=alice, name="garden")
    task = recurring(
        alice,
        description="all of them",
        color="green",
        pinned=True,
        priority=Priority.objects.get(level=3),
        reminder_offsets=[30, 60],
        rings_in_quiet_hours=True,
        recurrence_end=MONDAY + timedelta(days=30),
        recurrence_mode="after_completion",
        tags=[tag],
    )
    complete_task(task)
    relay()
    child = successor(task)
    assert child.due_at == child.occurrence_at == MONDAY + timedelta(days=1)
    for name in INHERITED:
        default = Task._meta.get_field(name).get_default()
        assert getattr(task, name) != default, (
            f"above, give the task a value of {name} that is not the default"
        )
        assert getattr(child, name) == getattr(task, name), name
    assert list(child.tags.all()) == [tag]
    assert (child.completed, child.version, child.parent_task_id) == (False, 1, task.pk)
    assert child.next_reminder_at == child.due_at - timedelta(minutes=60)


def test_the_wall_clock_hour_stays_over_the_change_to_summer_time(alice: User) -> None:
    task = recurring(alice, "weekly")
    complete_task(task)
    relay()
    due = successor(task).due_at
    assert due is not None
    assert due.astimezone(BERLIN).hour == 9
    assert due.astimezone(UTC).hour == 7


def test_all_point_to_the_head(alice: User) -> None:
    head = recurring(alice)
    complete_task(head)
    relay()
    child = successor(head)
    complete_task(child)
    relay()
    assert successor(child).parent_task_id == head.pk


def test_redelivered_thrice_is_one_successor(alice: User) -> None:
    event = completed(task := recurring(alice))
    for _ in range(3):
        handle("recurring", event)
    assert successor(task)
    assert Task.objects.count() == 2
    assert not ParkedEvent.objects.exists()


def test_completing_twice_is_one_successor(alice: User) -> None:
    task = recurring(alice)
    complete_task(task)
    complete_task(task)
    relay()
    assert Task.objects.count() == 2


def test_completing_again_days_later_is_one_successor(alice: User, early_on_monday) -> None:
    task = recurring(alice)
    complete_task(task)
    relay()
    reopen_task(task)
    relay()
    early_on_monday.shift(timedelta(days=5))
    complete_task(task)
    relay()
    assert Task.objects.count() == 2


def test_late_handling_gives_the_same_answer(alice: User, early_on_monday) -> None:
    event = completed(task := recurring(alice))
    early_on_monday.shift(timedelta(days=40))
    handle("recurring", event)
    assert successor(task).due_at == MONDAY + timedelta(days=1)


def test_a_reminder_that_came_due_before_a_late_handling_still_rings(alice: User, early_on_monday) -> None:
    event = completed(task := recurring(alice, reminder_offsets=[30]))
    early_on_monday.shift(timedelta(days=2))
    handle("recurring", event)
    child = successor(task)
    assert child.next_reminder_at == MONDAY + timedelta(days=1, minutes=-30)


def test_late_completion_skips_what_has_passed(alice: User, early_on_monday) -> None:
    task = recurring(alice)
    early_on_monday.shift(timedelta(days=3, hours=1))
    complete_task(task)
    relay()
    assert successor(task).due_at == MONDAY + timedelta(days=3)


def test_after_completion_counts_from_the_day_it_was_done(alice: User, early_on_monday) -> None:
    task = recurring(alice, recurrence_mode="after_completion")
    early_on_monday.shift(timedelta(days=3))
    complete_task(task)
    relay()
    assert successor(task).due_at == MONDAY + timedelta(days=4)


def test_completed_long_before_it_is_due_never_takes_a_slot_that_was_done(
    alice: User, early_on_monday
) -> None:
    """Counting from an early completion, the next day may be one that was done before: the series goes on."""
    task = recurring(alice, recurrence_mode="after_completion")
    for _ in range(4):  # each on the same Monday: the second is due on Tuesday, the third on Wednesday ...
        complete_task(task)
        relay()
        task = successor(task)
    slots = list(Task.objects.order_by("id").values_list("occurrence_at", flat=True))
    assert len(set(slots)) == 5
    assert not task.completed


def test_an_old_occurrence_done_again_starts_no_second_line(alice: User) -> None:
    head = recurring(alice)
    complete_task(head)
    relay()
    second = successor(head)
    complete_task(second)
    relay()
    third = successor(second)
    Task.objects.filter(pk=second.pk).delete()
    reopen_task(head := Task.objects.get(pk=head.pk))
    relay()
    with time_machine.travel(MONDAY + timedelta(days=1, hours=1), tick=False):
        complete_task(head)
        relay()
    assert set(Task.objects.values_list("pk", flat=True)) == {head.pk, third.pk}


def test_moving_one_occurrence_does_not_move_the_series(alice: User) -> None:
    task = recurring(alice)
    update_task(task, due_at=MONDAY + timedelta(hours=5))
    complete_task(task)
    relay()
    assert successor(task).due_at == MONDAY + timedelta(days=1)


def test_a_reminder_keeps_its_distance_and_a_snooze_is_not_inherited(alice: User) -> None:
    task = recurring(alice, reminder_at=MONDAY - timedelta(minutes=45))
    update_task(task, snoozed_until=MONDAY - timedelta(minutes=5))
    complete_task(task)
    relay()
    child = successor(task)
    assert child.reminder_at == MONDAY + timedelta(days=1, minutes=-45)
    assert child.snoozed_until is None


def test_a_series_anchored_on_its_reminder(alice: User) -> None:
    task = recurring(alice, due_at=None, reminder_at=MONDAY)
    complete_task(task)
    relay()
    child = successor(task)
    assert (child.due_at, child.reminder_at) == (None, MONDAY + timedelta(days=1))


def test_the_end_of_the_series(alice: User) -> None:
    task = recurring(alice, recurrence_end=MONDAY + timedelta(hours=1))
    complete_task(task)
    relay()
    assert Task.objects.count() == 1


def test_a_user_who_moves_does_not_move_the_series(alice: User) -> None:
    task = recurring(alice)
    alice.timezone = "Asia/Tokyo"
    alice.save()
    complete_task(task)
    relay()
    child = successor(task)
    assert (child.timezone, child.due_at) == ("Europe/Berlin", MONDAY + timedelta(days=1))


def test_a_task_without_a_rule_has_no_successor(alice: User) -> None:
    complete_task(create_task(alice, title="once"))
    relay()
    assert Task.objects.count() == 1


def test_a_new_rule_begins_a_new_series(alice: User) -> None:
    task = recurring(alice)
    complete_task(task)
    relay()
    child = successor(task)
    old = child.series_id
    update_task(child, recurrence_rule="weekly")
    assert child.series_id != old
    assert (child.parent_task_id, child.occurrence_at) == (None, child.due_at)


def test_trashing_the_open_occurrence_ends_the_series(alice: User) -> None:
    task = recurring(alice)
    trash_task(task)
    relay()
    assert Task.objects.count() == 1


def test_what_is_done_in_the_trash_goes_on_nowhere(alice: User) -> None:
    task = recurring(alice)
    trash_task(task)
    relay()
    complete_task(task)
    relay()
    assert Task.objects.count() == 1


class TestErasedMeanwhile:
    def test_the_predecessor(self, alice: User) -> None:
        event = completed(task := recurring(alice))
        Task.objects.filter(pk=task.pk).delete()
        handle("recurring", event)
        child = Task.objects.get()
        assert (child.generated_from_id, child.parent_task_id) == (None, None)
        handle("recurring", event)
        assert Task.objects.count() == 1

    def test_the_head(self, alice: User) -> None:
        head = recurring(alice)
        complete_task(head)
        relay()
        child = successor(head)
        Task.objects.filter(pk=head.pk).delete()
        complete_task(child := Task.objects.get(pk=child.pk))
        relay()
        assert successor(child).series_id == head.series_id

    def test_the_user(self, alice: User) -> None:
        event = completed(recurring(alice))
        close_account(alice)
        while erase_closed_accounts():
            OutboxEvent.objects.all().delete()  # an account goes when its events are on their way
        handle("recurring", event)
        assert not User.objects.exists()
        assert not Task.objects.exists()
        assert not ParkedEvent.objects.exists()

    def test_a_tag_and_the_priority(self, alice: User) -> None:
        tag = Tag.objects.create(user=alice, name="garden")
        special = Priority.objects.create(name="Special", level=5, color="#000000")
        event = completed(task := recurring(alice, tags=[tag], priority=special))
        tag.delete()
        update_task(Task.objects.get(pk=task.pk), priority_id=1)
        special.delete()
        handle("recurring", event)
        child = successor(task)
        assert (list(child.tags.all()), child.priority_id) == ([], 2)
