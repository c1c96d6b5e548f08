"""The scan claims what is due: once, oldest first, as one late reminder, invisible to other users."""

from datetime import timedelta

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts_app.models import User
from devkit.demo.push_service import PushService
from events_app.models import OutboxEvent
from notifications_app import scan
from notifications_app.models import Reminder
from notifications_app.scan import scan_reminders
from tasks_app.models import Task
from tests.notifications_app.conftest import NOON, subscribe, task_due


def due_events() -> list[OutboxEvent]:
    return list(OutboxEvent.objects.filter(type="reminder.due").order_by("id"))


def minutes(number: float) -> timedelta:
    return timedelta(minutes=number)


def test_a_due_reminder_is_claimed_once_with_its_event(alice: User, noon: time_machine.Traveller) -> None:
    task = Task.objects.create(user=alice, title="Call mum", reminder_at=NOON, due_at=NOON + minutes(30))

    assert scan_reminders() == 1
    assert scan_reminders() == 0

    reminder = Reminder.objects.get()
    assert (reminder.task, reminder.reminder_at, reminder.claimed_at) == (task, NOON, NOON)
    assert (reminder.lateness, reminder.state) == (timedelta(0), "no_device")
    (event,) = due_events()
    assert event.event_id == reminder.event_id
    assert (event.topic, event.key, event.subject) == ("reminders", str(alice.pk), str(task.pk))
    assert (event.sequence, event.time) == (task.version, NOON)
    assert event.data == {
        "task_id": task.pk,
        "user_id": str(alice.pk),
        "title": "Call mum",
        "reminder_at": "2026-03-02T12:00:00+00:00",
        "due_at": "2026-03-02T12:30:00+00:00",
    }


def test_what_is_not_due_stays(alice: User, noon: time_machine.Traveller) -> None:
    Task.objects.create(user=alice, title="Later", reminder_at=NOON + minutes(1))
    Task.objects.create(user=alice, title="Never")
    assert scan_reminders() == 0
    noon.shift(minutes(1))
    assert scan_reminders() == 1


def test_claiming_is_no_change_of_the_task(alice: User, noon: time_machine.Traveller) -> None:
    task = task_due(alice)
    OutboxEvent.objects.all().delete()
    noon.shift(minutes(5))

    scan_reminders()

    assert [event.type for event in OutboxEvent.objects.all()] == ["reminder.due"]
    row = Task.objects.get()
    assert (row.version, row.updated_at) == (task.version, task.updated_at)
    assert (row.reminded_until, row.next_reminder_at) == (NOON + minutes(5), None)


def test_after_an_outage_everything_overdue_is_claimed_oldest_first_and_late(
    alice: User, bob: User, noon: time_machine.Traveller
) -> None:
    planned = {minutes(90): alice, minutes(5): bob, minutes(30): alice, minutes(-1): bob}
    for distance, user in planned.items():
        Task.objects.create(user=user, title="t", reminder_at=NOON + distance)
    noon.shift(timedelta(hours=6))

    assert scan_reminders(limit=2) == 4

    instants = [event.data["reminder_at"] for event in due_events()]
    assert instants == [(NOON + distance).isoformat() for distance in sorted(planned)]
    late = Reminder.objects.get(reminder_at=NOON + minutes(30))
    assert late.lateness == timedelta(hours=5, minutes=30)


def test_several_overdue_offsets_are_one_late_reminder(alice: User, noon: time_machine.Traveller) -> None:
    due = NOON + timedelta(hours=10)
    Task.objects.create(user=alice, title="t", due_at=due, reminder_offsets=[540, 300, 240, 10])
    noon.shift(timedelta(hours=7))

    assert scan_reminders() == 1

    assert Reminder.objects.get().reminder_at == due - minutes(240)
    assert Task.objects.get().next_reminder_at == due - minutes(10)
    noon.move_to(due)
    assert scan_reminders() == 1
    assert Task.objects.get().next_reminder_at is None


def test_a_snooze_rings_when_it_ends(alice: User, noon: time_machine.Traveller) -> None:
    task = task_due(alice)
    scan_reminders()
    task.snoozed_until = NOON + minutes(10)
    task.save()

    noon.shift(minutes(9))
    assert scan_reminders() == 0
    noon.shift(minutes(1))
    assert scan_reminders() == 1
    assert Reminder.objects.first().reminder_at == NOON + minutes(10)
    assert scan_reminders() == 0


def test_an_offset_after_the_snooze_is_the_newer_one(alice: User, noon: time_machine.Traveller) -> None:
    task = Task.objects.create(
        user=alice, title="t", due_at=NOON + timedelta(hours=2), reminder_offsets=[110, 60]
    )
    noon.shift(minutes(10))
    scan_reminders()
    task.snoozed_until = NOON + minutes(20)
    task.save()
    noon.shift(timedelta(hours=1))

    assert scan_reminders() == 1
    assert Reminder.objects.first().reminder_at == NOON + minutes(60)


@pytest.mark.parametrize("silenced", [{"completed": True}, {"archived": True}, {"deleted_at": NOON}])
def test_a_silent_task_does_not_ring(
    alice: User, noon: time_machine.Traveller, silenced: dict[str, object]
) -> None:
    task_due(alice, **silenced)
    assert scan_reminders() == 0
    assert not Reminder.objects.exists()


def test_a_silent_task_that_looks_due_is_put_right(alice: User, noon: time_machine.Traveller) -> None:
    task = task_due(alice, completed=True)
    with connection.cursor() as cursor:  # as a restored backup or a hand in the database could leave it
        cursor.execute("UPDATE tasks SET next_reminder_at = %s WHERE id = %s", [NOON, task.pk])
    assert scan_reminders() == 0
    assert Task.objects.get().next_reminder_at is None


def test_an_instant_that_was_claimed_before_has_no_second_event(
    alice: User, noon: time_machine.Traveller
) -> None:
    task = task_due(alice)
    other = task_due(alice, reminder_at=NOON)
    scan_reminders()
    OutboxEvent.objects.all().delete()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE tasks SET reminded_until = NULL, next_reminder_at = reminder_at")
    Reminder.objects.filter(task=other).delete()

    assert scan_reminders() == 1
    assert [event.subject for event in due_events()] == [str(other.pk)]
    assert Reminder.objects.filter(task=task).count() == 1


def test_a_batch_costs_the_same_statements_whatever_its_size(
    alice: User, service: PushService, noon: time_machine.Traveller
) -> None:
    def statements_for(tasks: int) -> int:
        for _ in range(tasks):
            task_due(alice)
        with CaptureQueriesContext(connection) as queries:
            assert scan_reminders() == tasks
        return len([query for query in queries if "SAVEPOINT" not in query["sql"]])

    subscribe(alice, service.subscribe())
    assert statements_for(3) == statements_for(60) == 7


def test_one_call_is_bounded(
    alice: User, noon: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scan, "BATCHES_PER_CALL", 2)
    for _ in range(7):
        task_due(alice)
    assert [scan_reminders(limit=3), scan_reminders(limit=3)] == [6, 1]
