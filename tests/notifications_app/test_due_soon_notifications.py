"""`due_soon_notifications`: users who have asked for it are notified of a task a day before it is due."""

from datetime import timedelta
from typing import Any

import pytest

from accounts_app.models import User
from devkit.demo.push_service import PushService
from events_app.models import OutboxEvent
from notifications_app.due_soon import announce_due_soon
from notifications_app.models import Delivery
from notifications_app.sending import deliver
from tasks_app.models import Task
from tasks_app.services import complete_task, create_task, update_task
from tests.notifications_app.conftest import NOON, subscribe

pytestmark = pytest.mark.usefixtures("noon")
DUE = NOON + timedelta(hours=20)


@pytest.fixture
def alice(alice: User) -> User:
    alice.due_soon_notifications = True
    alice.save()
    return alice


def send() -> None:
    for pk in Delivery.objects.order_by("pk").values_list("pk", flat=True):
        deliver(pk)


def locked(task: Task) -> Task:
    return Task.objects.filter(pk=task.pk).locked().get()


def test_each_device_is_notified_once(alice: User, service: PushService) -> None:
    for _ in range(2):
        subscribe(alice, service.subscribe())
    create_task(alice, title="Call mum", due_at=DUE)
    assert (announce_due_soon(), announce_due_soon()) == (1, 0)
    send()
    shown = [message.payload["notification"] for message in service.messages]
    assert [(one["title"], one["body"]) for one in shown] == [("Call mum", "Due within a day")] * 2
    assert set(Delivery.objects.values_list("state", flat=True)) == {"sent"}
    assert not Task.objects.get().reminder_sent


def test_its_event_is_that_of_the_task(alice: User, service: PushService) -> None:
    subscribe(alice, service.subscribe())
    create_task(alice, title="Call mum", due_at=DUE)
    OutboxEvent.objects.all().delete()
    announce_due_soon()
    assert Delivery.objects.get().event_id == OutboxEvent.objects.get().event_id


def test_by_default_no_one_is_notified(bob: User, service: PushService) -> None:
    subscribe(bob, service.subscribe())
    create_task(bob, title="Call mum", due_at=DUE)
    assert (announce_due_soon(), Delivery.objects.count()) == (1, 0)


@pytest.mark.parametrize(
    "change",
    [
        lambda task: complete_task(task),
        lambda task: update_task(task, due_at=NOON + timedelta(days=3)),
        lambda task: update_task(task, archived=True),
    ],
)
def test_what_changes_before_it_is_sent_is_not(alice: User, service: PushService, change: Any) -> None:
    subscribe(alice, service.subscribe())
    task = create_task(alice, title="Call mum", due_at=DUE)
    announce_due_soon()
    change(locked(task))
    send()
    assert (Delivery.objects.get().state, service.messages) == ("cancelled", [])


def test_an_all_day_task_is_notified_of_on_its_day(alice: User, service: PushService, noon: Any) -> None:
    """Alice's day starts at 9:00 in Berlin."""
    subscribe(alice, service.subscribe())
    create_task(alice, title="Call mum", due_date=NOON.date() + timedelta(days=1), timezone="Europe/Berlin")
    noon.shift(timedelta(hours=11))
    assert announce_due_soon() == 1
    send()
    assert service.messages == []
    noon.move_to("2026-03-03T08:00:00Z")
    send()
    assert len(service.messages) == 1


def test_it_waits_for_the_end_of_quiet_hours(alice: User, service: PushService, noon: Any) -> None:
    User.objects.filter(pk=alice.pk).update(quiet_from="12:00", quiet_to="14:00")  # 11:00 to 13:00 in UTC
    subscribe(alice, service.subscribe())
    create_task(alice, title="Call mum", due_at=DUE)
    announce_due_soon()
    send()
    assert service.messages == []
    noon.shift(timedelta(hours=1))
    send()
    assert len(service.messages) == 1


def test_a_task_that_is_erased_takes_its_delivery_with_it(alice: User, service: PushService) -> None:
    subscribe(alice, service.subscribe())
    create_task(alice, title="Call mum", due_at=DUE).delete()
    task = create_task(alice, title="Call dad", due_at=DUE)
    announce_due_soon()
    assert Delivery.objects.count() == 1
    task.delete()
    assert not Delivery.objects.exists()
