"""What waits in a row is done in time although its times were written by a clock that was six hours ahead."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
import time_machine
from django.utils import timezone
from uuid_utils.compat import uuid7

from accounts_app import mails
from accounts_app.models import DueMail, User
from events_app import parked
from events_app.models import ParkedEvent
from notifications_app import claiming
from notifications_app.models import Delivery
from notifications_app.retrying import LONGEST_WAIT
from recurring_app import generation
from recurring_app.models import RecurringTask
from tasks_app.models import Task

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]

AHEAD = timedelta(hours=6)
SECOND = timedelta(seconds=1)


def a_mail(user: User, at: datetime) -> None:
    DueMail.objects.create(kind=DueMail.Kind.PASSWORD_RESET, address=user.email, next_attempt_at=at)


def a_mail_asked_for_again(user: User, handled_at: datetime) -> None:
    kind = DueMail.Kind.PASSWORD_RESET
    DueMail.objects.create(kind=kind, address=user.email, next_attempt_at=None, handled_at=handled_at)
    mails.request_mail(kind, str(user.email))


def a_parked_event(user: User, at: datetime) -> None:
    data = {
        "task_id": 1,
        "user_id": str(user.pk),
        "title": "x",
        "reminder_at": at.isoformat(),
        "due_at": None,
    }
    ParkedEvent.objects.create(
        group="notifications", topic="reminders", type="reminder.due", key=str(user.pk), subject="1",
        sequence=1, data=data, next_attempt_at=at,
    )  # fmt: skip


def a_delivery(user: User, at: datetime) -> None:
    Delivery.objects.create(
        user=user, event_id=uuid7(), channel="web_push", target="https://push.example.test/1",
        next_attempt_at=at, expires_at=timezone.now() + timedelta(days=1),
    )  # fmt: skip


def a_template_that_failed(user: User, failed_at: datetime) -> None:
    RecurringTask.objects.create(
        user=user, template_title="x", recurrence_pattern="daily", starts_at=datetime(2026, 1, 1, 9),  # noqa: DTZ001
        next_occurrence=timezone.now() - SECOND, failed_at=failed_at,
    )  # fmt: skip


Queue = tuple[Callable[[User, datetime], None], Callable[[], bool], Callable[[], object], timedelta]
QUEUES: dict[str, Queue] = {
    "a mail": (a_mail, mails.has_due, mails.send_due_mails, mails.backoff(mails.MAX_ATTEMPTS)),
    "a parked event": (a_parked_event, parked.has_due, parked.retry_parked, parked.backoff(10)),
    "a delivery": (
        a_delivery, claiming.has_due, lambda: claiming.claim(9).found, LONGEST_WAIT,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", QUEUES)
def test_a_row_that_waits_for_longer_than_it_may_is_due_now(alice: User, name: str) -> None:
    make, has_due, work, _ = QUEUES[name]
    make(alice, timezone.now() + AHEAD)
    assert has_due()
    assert work()
    assert not has_due()


@pytest.mark.parametrize("name", QUEUES)
def test_a_row_that_may_have_to_wait_so_long_waits(
    alice: User, clock: time_machine.Traveller, name: str
) -> None:
    make, has_due, work, longest = QUEUES[name]
    make(alice, timezone.now() + longest)
    assert (has_due(), bool(work())) == (False, False)
    clock.shift(longest)
    assert has_due()


def test_a_mail_that_was_sent_in_the_future_can_be_asked_for_again(alice: User) -> None:
    a_mail_asked_for_again(alice, timezone.now() + AHEAD)
    assert DueMail.objects.get().next_attempt_at == timezone.now() + mails.SPACING


def test_a_template_that_failed_in_the_future_makes_its_task(alice: User) -> None:
    a_template_that_failed(alice, timezone.now() + AHEAD)
    assert generation.generate_due() == 1
    assert Task.objects.count() == 1
