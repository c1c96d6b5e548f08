"""reminder.due is one delivery for each browser, however often the event comes and whatever Redis does."""

from collections.abc import Callable
from datetime import timedelta

import pytest
import time_machine
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from accounts_app.models import User
from devkit.demo.push_service import PushService
from events_app.envelope import Event, from_row
from events_app.handling import handle
from events_app.models import OutboxEvent, ParkedEvent
from notifications_app.deliveries import REMINDER_TTL
from notifications_app.models import Delivery, Reminder
from notifications_app.scan import scan_reminders
from notifications_app.tasks import requeue_stalled_deliveries
from tasks_app.models import Task
from tests.notifications_app.conftest import NOON, queued, relay, subscribe, task_due
from todo_project.celery import app

pytestmark = pytest.mark.usefixtures("noon")

NOBODY_LISTENS = "redis://127.0.0.1:1/0"


def reminder_event() -> Event:
    scan_reminders()
    return from_row(OutboxEvent.objects.get(type="reminder.due"))


def test_each_browser_of_the_user_gets_a_delivery(alice: User, bob: User, service: PushService) -> None:
    phone, laptop = subscribe(alice, service.subscribe()), subscribe(alice, service.subscribe())
    subscribe(bob, service.subscribe())
    task_due(alice)
    event = reminder_event()

    handle("notifications", event)

    deliveries = {delivery.subscription: delivery for delivery in Delivery.objects.all()}
    assert set(deliveries) == {phone, laptop}
    delivery = deliveries[phone]
    assert (delivery.user, delivery.event_id, delivery.channel) == (alice, event.id, "web_push")
    assert (delivery.target, delivery.state) == (phone.endpoint, "pending")
    assert (delivery.next_attempt_at, delivery.expires_at) == (NOON, NOON + REMINDER_TTL)
    assert delivery.reminder == Reminder.objects.get()


def test_the_workers_are_notified_when_it_is_committed(
    alice: User, service: PushService, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    subscribe(alice, service.subscribe())
    subscribe(alice, service.subscribe())
    task_due(alice)
    event = reminder_event()
    with django_capture_on_commit_callbacks(execute=True):
        handle("notifications", event)
        assert queued() == []
    assert sorted(queued()) == sorted(Delivery.objects.values_list("pk", flat=True))


@pytest.mark.django_db(transaction=True)
def test_the_workers_logs_will_name_the_event(alice: User, service: PushService) -> None:
    subscribe(alice, service.subscribe())
    task_due(alice)
    event = reminder_event()
    handle("notifications", event)
    with app.connection_for_read() as connection:
        message = connection.SimpleQueue("deliveries").get_nowait()
        message.ack()
    assert message.headers["__django_structlog__"]["event_id"] == str(event.id)


def test_an_event_that_comes_three_times_is_one_delivery_for_each_browser(
    alice: User, service: PushService
) -> None:
    subscribe(alice, service.subscribe())
    subscribe(alice, service.subscribe())
    task_due(alice)
    event = reminder_event()
    for _ in range(3):
        handle("notifications", event)
    assert Delivery.objects.count() == 2
    assert not ParkedEvent.objects.exists()


def test_a_browser_subscribed_later_does_not_ring_when_an_old_event_comes_again(
    alice: User, service: PushService
) -> None:
    task_due(alice)
    event = reminder_event()
    handle("notifications", event)
    subscribe(alice, service.subscribe())
    handle("notifications", event)
    assert not Delivery.objects.exists()


def test_without_a_browser_the_reminder_says_so(alice: User) -> None:
    task_due(alice)
    handle("notifications", reminder_event())
    assert Reminder.objects.get().state == "no_device"


def test_a_task_erased_meanwhile_is_no_fault(alice: User, service: PushService) -> None:
    subscribe(alice, service.subscribe())
    task = task_due(alice)
    event = reminder_event()
    task.delete()
    handle("notifications", event)
    assert not Delivery.objects.exists()
    assert not ParkedEvent.objects.exists()


def test_without_redis_the_tick_notifies_the_workers(
    alice: User,
    service: PushService,
    celery_broker: Callable[[str], None],
    noon: time_machine.Traveller,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    subscribe(alice, service.subscribe())
    task_due(alice)
    scan_reminders()
    celery_broker(NOBODY_LISTENS)
    # Celery measures its patience by the clock, so here the clock has to go.
    with time_machine.travel(NOON), django_capture_on_commit_callbacks(execute=True):
        relay()
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.queued_at) == ("pending", None)

    noon.shift(1)
    assert requeue_stalled_deliveries() == 0  # not asked again so soon
    celery_broker("memory://")
    assert requeue_stalled_deliveries() == 1
    assert queued() == [delivery.pk]


def test_a_lost_message_is_sent_again_and_a_fresh_one_is_not(
    alice: User, service: PushService, noon: time_machine.Traveller
) -> None:
    subscribe(alice, service.subscribe())
    task_due(alice)
    scan_reminders()
    relay()

    noon.shift(59)
    assert requeue_stalled_deliveries() == 0
    noon.shift(1)
    assert requeue_stalled_deliveries() == 1
    assert requeue_stalled_deliveries() == 0
    assert queued() == [Delivery.objects.get().pk]


def test_the_ticks_do_it_all_by_their_names_in_the_schedule(
    alice: User, service: PushService, settings: Settings, noon: time_machine.Traveller
) -> None:
    """As beat and the workers run it: each by the name of its message, and nothing but that."""
    subscribe(alice, service.subscribe())
    task_due(alice, due_at=NOON + timedelta(hours=1))
    ticks = [entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()]
    ours = [name for name in ticks if name.startswith("notifications_app.")]
    assert len(ours) == 4

    for name in ours:
        app.tasks[name].apply(throw=True)
    relay()
    noon.shift(60)
    for name in ours:
        app.tasks[name].apply(throw=True)
    (delivery_id,) = queued()
    app.tasks["notifications_app.deliver"].apply([delivery_id], throw=True)

    assert Delivery.objects.get().state == "sent"
    assert Task.objects.get().due_announced_for == NOON + timedelta(hours=1)


def test_the_tick_goes_on_until_all_are_recorded(
    alice: User, service: PushService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("notifications_app.tasks.REQUEUE_BATCH", 2)
    for _ in range(5):
        subscribe(alice, service.subscribe())
    task_due(alice)
    scan_reminders()
    relay()
    Delivery.objects.update(queued_at=None)
    assert requeue_stalled_deliveries() == 5
    assert sorted(queued()) == sorted(Delivery.objects.values_list("pk", flat=True))
