"""What became of reminders is forgotten after NOTIFICATIONS_KEPT, and none of them rings again for it."""

from datetime import timedelta
from threading import Event, Thread

import pytest
import time_machine
from django.db import connection, transaction
from django.utils import timezone
from pytest_django import Settings

from accounts_app.models import User
from devkit.demo.push_service import PushService
from notifications_app import retention
from notifications_app.deliveries import create_test_delivery
from notifications_app.models import Delivery, DeliveryAttempt, Reminder
from notifications_app.retention import purge_notifications
from notifications_app.scan import scan_reminders
from notifications_app.sending import deliver
from tasks_app.models import Task
from tasks_app.services import complete_task, reopen_task, restore_task, trash_task, update_task
from tests.notifications_app.conftest import pending_delivery, relay, subscribe, task_due

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def kept(settings: Settings) -> timedelta:
    settings.NOTIFICATIONS_KEPT = timedelta(days=90)
    return settings.NOTIFICATIONS_KEPT


def delivered(user: User, service: PushService) -> Task:
    delivery = pending_delivery(user, service.subscribe())
    deliver(delivery.pk)
    assert delivery.reminder
    return delivery.reminder.task


def test_old_ones_are_erased_with_their_deliveries_and_attempts(
    alice: User, service: PushService, noon: time_machine.Traveller, kept: timedelta
) -> None:
    old = delivered(alice, service)
    noon.shift(kept - timedelta(hours=1))
    young = task_due(alice)
    scan_reminders()
    assert purge_notifications() == 0
    noon.shift(timedelta(hours=2))
    assert purge_notifications() == 1
    assert list(Reminder.objects.values_list("task", flat=True)) == [young.pk]
    assert not Delivery.objects.filter(reminder__task=old).exists()
    assert not DeliveryAttempt.objects.exists()
    assert set(Task.objects.all()) == {old, young}
    assert purge_notifications() == 0


def test_in_batches(
    alice: User, noon: time_machine.Traveller, kept: timedelta, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "BATCH", 2)
    for _ in range(5):
        task_due(alice)
    scan_reminders()
    relay()
    noon.shift(kept * 2)
    assert purge_notifications() == 5


def test_none_rings_again(
    alice: User, service: PushService, noon: time_machine.Traveller, kept: timedelta
) -> None:
    """Whatever is done with the task afterwards, except setting a new time."""
    task = delivered(alice, service)
    noon.shift(kept * 2)
    assert purge_notifications() == 1
    fresh = lambda: Task.objects.get(pk=task.pk)  # noqa: E731
    for change in (complete_task, reopen_task, trash_task, restore_task):
        change(fresh())
        assert scan_reminders() == 0
    task = fresh()
    task.title = "Call her"
    task.save()
    assert scan_reminders() == 0
    assert len(service.messages) == 1


def test_its_event_that_comes_again_is_no_new_delivery(
    alice: User, noon: time_machine.Traveller, kept: timedelta, service: PushService
) -> None:
    subscribe(alice, service.subscribe())
    task_due(alice)
    scan_reminders()
    reminder = Reminder.objects.get()
    Reminder.objects.update(state=Reminder.State.CANCELLED)
    noon.shift(kept * 2)
    assert purge_notifications() == 1
    relay()
    assert not Reminder.objects.filter(event_id=reminder.event_id).exists()
    assert not Delivery.objects.exists()


def test_what_is_not_settled_or_may_ring_stays(
    alice: User, service: PushService, noon: time_machine.Traveller, kept: timedelta
) -> None:
    subscribe(alice, service.subscribe())
    task_due(alice)
    moved = task_due(alice)
    scan_reminders()  # nothing delivered: both are due
    Reminder.objects.filter(task=moved).update(state=Reminder.State.DELIVERED)
    update_task(Task.objects.get(pk=moved.pk), reminded_until=None)
    noon.shift(kept * 2)
    assert purge_notifications() == 0


def test_tests_of_a_browser_go_as_well(
    alice: User, service: PushService, noon: time_machine.Traveller, kept: timedelta
) -> None:
    deliver(create_test_delivery(subscribe(alice, service.subscribe())).pk)
    noon.shift(kept * 2)
    assert purge_notifications() == 1
    assert not Delivery.objects.exists()


def test_a_task_that_someone_holds_is_left_to_the_next_tick(
    alice: User, service: PushService, kept: timedelta
) -> None:
    task = delivered(alice, service)
    Reminder.objects.update(claimed_at=timezone.now() - kept * 2)
    held, done = Event(), Event()

    def hold() -> None:
        with transaction.atomic():
            Task.objects.select_for_update().get(pk=task.pk)
            held.set()
            done.wait(60)
        connection.close()

    holder = Thread(target=hold)
    holder.start()
    assert held.wait(60)
    assert purge_notifications() == 0
    done.set()
    holder.join()
    assert purge_notifications() == 1
