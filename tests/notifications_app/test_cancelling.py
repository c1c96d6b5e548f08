"""A delivery is made by what is true when its turn comes, not by what was true when it was made."""

from datetime import timedelta

import pytest
import time_machine

from accounts_app.models import User
from devkit.demo.push_service import PushService
from notifications_app.models import Delivery, PushSubscription, Reminder
from notifications_app.scan import scan_reminders
from notifications_app.sending import deliver
from notifications_app.subscriptions import subscribe as bind
from notifications_app.subscriptions import unsubscribe
from tasks_app.models import Task
from tests.notifications_app.conftest import (
    NOON,
    after_one_attempt,
    attempts_of,
    one_of_two_deliveries,
    pending_delivery,
    refusing,
    relay,
)

pytestmark = pytest.mark.usefixtures("noon")

HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    "change",
    [
        {"completed": True},
        {"archived": True},
        {"deleted_at": NOON},
        {"reminder_at": NOON + HOUR},
        {"reminder_at": None},
        {"snoozed_until": NOON + HOUR},
    ],
)
def test_a_task_that_changed_meanwhile_cancels(
    alice: User, service: PushService, change: dict[str, object]
) -> None:
    delivery = pending_delivery(alice, service.subscribe())
    task = Task.objects.get()
    for name, value in change.items():
        setattr(task, name, value)
    task.save()

    assert after_one_attempt(delivery).state == "cancelled"
    assert service.requests == 0
    assert Reminder.objects.get().state == "cancelled"
    assert attempts_of(delivery) == []


def test_a_new_title_does_not_cancel_and_is_the_one_sent(alice: User, service: PushService) -> None:
    delivery = pending_delivery(alice, service.subscribe())
    task = Task.objects.get()
    task.title = "Call dad"
    task.save()
    deliver(delivery.pk)
    assert [message.notification["title"] for message in service.messages] == ["Call dad"]


def test_the_end_of_a_snooze_is_sent(alice: User, service: PushService, noon: time_machine.Traveller) -> None:
    deliver(pending_delivery(alice, service.subscribe()).pk)
    task = Task.objects.get()
    task.snoozed_until = NOON + HOUR
    task.save()
    noon.shift(HOUR)
    scan_reminders()
    relay()
    deliver(Delivery.objects.get(state="pending").pk)
    assert service.messages[1].notification["data"]["reminder_at"] == (NOON + HOUR).isoformat()


def test_a_browser_that_is_another_persons_now_gets_nothing(
    alice: User, bob: User, service: PushService
) -> None:
    browser = service.subscribe()
    delivery = pending_delivery(alice, browser)
    bind(bob.pk, user_agent="", **browser.subscription)
    assert after_one_attempt(delivery).state == "cancelled"
    assert service.requests == 0


def test_a_browser_that_was_unsubscribed_gets_nothing(alice: User, service: PushService) -> None:
    delivery = pending_delivery(alice, service.subscribe())
    unsubscribe(PushSubscription.objects.get())
    delivery.refresh_from_db()
    assert after_one_attempt(delivery).state == "cancelled"
    assert service.requests == 0


def test_a_person_who_left_gets_nothing(alice: User, service: PushService) -> None:
    delivery = pending_delivery(alice, service.subscribe())
    User.objects.filter(pk=alice.pk).update(is_active=False)
    assert after_one_attempt(delivery).state == "cancelled"


def test_the_reminder_ends_with_its_last_delivery(alice: User, service: PushService) -> None:
    first = one_of_two_deliveries(alice, service)
    second = Delivery.objects.exclude(pk=first.pk).get()
    refusing(service, 403)
    deliver(first.pk)
    assert Reminder.objects.get().state == "due"
    refusing(service, 403)
    deliver(second.pk)
    assert Reminder.objects.get().state == "undelivered"
