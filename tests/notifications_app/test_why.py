"""Why a reminder rang, or did not, in a sentence that a support person can read out."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient
from uuid_utils.compat import uuid7

from accounts_app.models import User
from notifications_app.models import Delivery, Reminder
from notifications_app.trace import seconds_of_stages, why, why_planned
from tasks_app.models import Task
from tasks_app.services import complete_task, create_task, snooze_task, trash_task, update_task
from tests.notifications_app.conftest import NOON

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("noon")]

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
# Noon in Berlin is 13:00.
DUE = "It was due on Monday, 2 March at 13:00, was claimed in time, and"


@pytest.fixture
def task(alice: User) -> Task:
    return create_task(alice, title="Call mum", reminder_at=NOON)


def reminder_of(task: Task, *, state: str = "due", late: timedelta = SECOND, **fields: object) -> Reminder:
    return Reminder.objects.create(
        task=task, reminder_at=NOON, claimed_at=NOON + late, lateness=late, event_id=uuid7(), state=state,
        **fields,
    )  # fmt: skip


def delivery_of(reminder: Reminder, *attempts: tuple[int | None, str], **fields: Any) -> Delivery:
    """A delivery that was created when the reminder was claimed; attempts a second apart."""
    defaults = {
        "user": reminder.task.user, "event_id": reminder.event_id, "channel": "web_push",
        "target": f"https://push.example.test/{Delivery.objects.count()}", "created_at": reminder.claimed_at,
        "next_attempt_at": NOON + MINUTE, "expires_at": NOON + 24 * HOUR,
    }  # fmt: skip
    delivery = Delivery.objects.create(reminder=reminder, **defaults | fields)
    for number, (status, error) in enumerate(attempts, start=1):
        delivery.attempts.create(at=reminder.claimed_at + number * SECOND, status=status, error=error)
    return delivery


def sent(reminder: Reminder, *, after: timedelta = 2 * SECOND, **fields: Any) -> Delivery:
    return delivery_of(reminder, (201, ""), state="sent", sent_at=reminder.claimed_at + after, **fields)


def why_of(reminder: Reminder) -> str:
    return why(Reminder.objects.get(pk=reminder.pk), "Europe/Berlin")


def test_it_says_where_it_was_sent_and_when(task: Task) -> None:
    reminder = reminder_of(task, state="delivered")
    sent(reminder)
    sent(reminder, after=5 * SECOND)
    sent(reminder, channel="email", target="alice@example.test")
    delivery_of(reminder, (410, ""), state="failed")
    assert why_of(reminder) == f"{DUE} was sent to 2 browsers and 1 address, 2 s after that."


def test_it_says_that_it_was_named_in_a_notice(task: Task) -> None:
    reminder = reminder_of(task, state="delivered", late=SECOND)
    notice = sent(reminder, channel="web_push")
    Delivery.objects.filter(pk=notice.pk).update(reminder=None, notice="list")
    sent(reminder, sent_with=notice)
    assert why_of(reminder) == f"{DUE} was sent to 1 browser in one notice with others, 2 s after that."


def test_it_says_that_it_waited_for_the_end_of_quiet_hours(task: Task) -> None:
    reminder = reminder_of(task, state="delivered", quiet_until=NOON + HOUR)
    sent(reminder, after=HOUR)
    words = "was sent to 1 browser when its user's quiet hours had ended, 60 min after that."
    assert why_of(reminder) == f"{DUE} {words}"


@pytest.mark.parametrize(
    ("late", "words"),
    [
        (5 * SECOND, "5 s"),
        (119 * SECOND, "119 s"),
        (10 * MINUTE, "10 min"),
        (6 * HOUR, "6 h"),
        (72 * HOUR, "3 days"),
    ],
)
def test_it_says_how_late_it_was_claimed(task: Task, late: timedelta, words: str) -> None:
    reminder = reminder_of(task, state="no_device", late=late)
    assert f", was claimed {words} late, and was not sent" in why_of(reminder)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"state": "due"}, "waits for a worker to send it."),
        (
            {"state": "no_device"},
            "was not sent, because its user had no device and no address that gets reminders.",
        ),
        ({"state": "no_channel"}, "was not sent, because its user has chosen no channel."),
        (
            {"state": "waiting", "waits_until": NOON + 19 * HOUR},
            "waits for the end of its user's quiet hours on Tuesday, 3 March at 08:00.",
        ),
        (
            {"state": "missed"},
            "was too late to ring: one notice names all that were missed.",
        ),
    ],
)
def test_it_says_why_there_is_no_delivery(task: Task, fields: dict[str, Any], words: str) -> None:
    assert why_of(reminder_of(task, **fields)) == f"{DUE} {words}"


def test_it_says_what_the_push_service_answered_and_when_the_next_attempt_is(task: Task) -> None:
    reminder = reminder_of(task)
    delivery_of(reminder, (503, "down"), next_attempt_at=NOON + 5 * MINUTE)
    assert why_of(reminder) == (
        f"{DUE} has not been sent yet: The push service has a failure of its own; it is tried again until the"
        " delivery expires. The next attempt is on Monday, 2 March at 13:05."
    )
    Delivery.objects.update(state="failed")
    Reminder.objects.update(state="undelivered")
    assert f"{DUE} reached no device: The push service has a failure" in why_of(reminder)


def test_one_that_was_never_tried_has_expired(task: Task) -> None:
    reminder = reminder_of(task, state="undelivered")
    delivery_of(reminder, state="expired")
    assert why_of(reminder) == f"{DUE} reached no device: it was not sent before it expired."


def archived(task: Task) -> None:
    update_task(task, archived=True)


def moved(task: Task) -> None:
    update_task(task, reminder_at=NOON + HOUR)


def snoozed(task: Task) -> None:
    snooze_task(task, until=NOON + HOUR)


@pytest.mark.parametrize(
    ("happened", "words"),
    [
        (complete_task, "the task was completed on Monday, 2 March at 13:00."),
        (trash_task, "the task was deleted on Monday, 2 March at 13:00."),
        (archived, "the task was archived."),
        (moved, "its time was changed before it was sent."),
        (snoozed, "the task was snoozed until Monday, 2 March at 14:00."),
        (lambda _task: None, "its browser was unsubscribed."),
    ],
)
def test_it_says_why_it_was_cancelled(task: Task, happened: Callable[[Task], object], words: str) -> None:
    reminder = reminder_of(task, state="cancelled")
    delivery_of(reminder, state="cancelled")
    happened(Task.objects.locked().get())
    assert why_of(reminder) == f"{DUE} was not sent, because {words}"


def test_it_says_that_the_address_gets_no_reminders(task: Task) -> None:
    reminder = reminder_of(task, state="cancelled")
    delivery_of(reminder, state="cancelled", channel="email", target="old@example.test")
    words = "its address was changed, or gets no reminders any more."
    assert why_of(reminder) == f"{DUE} was not sent, because {words}"


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"reminder_at": NOON + HOUR}, "It rings next on Monday, 2 March at 14:00."),
        ({"reminder_at": NOON + HOUR, "completed": True}, "The task is completed, so it does not ring."),
        ({"reminder_at": NOON + HOUR, "archived": True}, "The task is archived, so it does not ring."),
        ({"reminder_at": NOON + HOUR, "deleted_at": NOON}, "The task is in the trash, so it does not ring."),
        ({}, "The task has no reminder."),
        ({"due_at": NOON, "reminder_offsets": [5]}, "All reminders of the task have passed."),
        ({"snoozed_until": NOON + HOUR}, "It is snoozed, and rings on Monday, 2 March at 14:00."),
        (
            {"reminder_at": NOON},
            "It has been due since Monday, 2 March at 13:00, and the reminder scan has not claimed it yet.",
        ),
    ],
)
def test_it_says_when_the_task_rings_next(alice: User, fields: dict[str, Any], words: str) -> None:
    assert why_planned(create_task(alice, title="x", **fields), "Europe/Berlin") == words


def test_it_says_where_the_time_went(task: Task) -> None:
    reminder = reminder_of(task, late=2 * SECOND, state="delivered")
    created = reminder.claimed_at + timedelta(milliseconds=500)
    delivery = delivery_of(reminder, (503, ""), (503, ""), (201, ""), created_at=created, state="sent")
    delivery.sent_at = reminder.claimed_at + timedelta(milliseconds=3250)
    expected = {"claimed": 2.0, "handled": 0.5, "queued": 0.5, "retried": 2.0, "sent": 0.25}
    assert seconds_of_stages(reminder, delivery) == expected
    assert sum(expected.values()) == (delivery.sent_at - reminder.reminder_at).total_seconds()


def test_a_stage_that_has_not_ended_has_no_time(task: Task) -> None:
    reminder = reminder_of(task)
    assert seconds_of_stages(reminder, delivery_of(reminder)) == {
        "claimed": 1.0, "handled": 0.0, "queued": None, "retried": None, "sent": None,
    }  # fmt: skip


def test_the_api_has_all_of_it(alice: User, task: Task, client_of: Callable[[User], APIClient]) -> None:
    reminder = reminder_of(task, state="delivered")
    sent(reminder)
    reminder.actions.create(action="snooze_1_hour", at=NOON, outcome="done", snoozed_until=NOON + HOUR)
    body = client_of(alice).get(f"/api/tasks/{task.pk}/reminders").json()
    assert body["planned"] == {
        "next_reminder_at": "2026-03-02T12:00:00Z",
        "why": why_planned(task, "Europe/Berlin"),
    }
    (found,) = body["results"]
    assert found["why"] == f"{DUE} was sent to 1 browser, 2 s after that."
    assert found["event_id"] == str(reminder.event_id)
    assert found["deliveries"][0]["seconds"]["sent"] == 1.0
    assert found["actions"] == [
        {
            "action": "snooze_1_hour",
            "at": "2026-03-02T12:00:00Z",
            "outcome": "done",
            "snoozed_until": "2026-03-02T13:00:00Z",
            "undone_at": None,
        }
    ]


def test_the_admin_says_it_too(operator: Client, task: Task) -> None:
    reminder = reminder_of(task, state="delivered")
    delivery = sent(reminder)
    page = operator.get(f"/admin/notifications_app/reminder/{reminder.pk}/change/").content.decode()
    assert f"{DUE} was sent to 1 browser, 2 s after that." in page
    page = operator.get(f"/admin/notifications_app/delivery/{delivery.pk}/change/").content.decode()
    assert "claimed 1.0 s, handled 0.0 s, queued 1.0 s, retried 0.0 s, sent 1.0 s" in page
