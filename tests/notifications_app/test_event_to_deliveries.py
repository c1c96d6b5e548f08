"""A due reminder has one delivery for each browser, made by the scan, or by its event if that made none."""

from collections.abc import Callable
from datetime import timedelta

import pytest
import time_machine
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from accounts_app.models import User
from devkit.demo.push_service import PushService
from events_app.envelope import Event, from_row
from events_app.handling import handle, handle_together
from events_app.models import OutboxEvent, ParkedEvent
from notifications_app.claiming import has_due
from notifications_app.models import Delivery, Reminder
from notifications_app.planning import REMINDER_TTL
from notifications_app.scan import scan_reminders
from tasks_app.models import Task
from tests.notifications_app.conftest import NOON, hints_sent, relay, subscribe, task_due
from todo_project.celery import app

pytestmark = pytest.mark.usefixtures("noon")

NOBODY_LISTENS = "redis://127.0.0.1:1/0"


def reminder_events() -> list[Event]:
    """The events of reminders that the scan has claimed."""
    scan_reminders()
    return [from_row(row) for row in OutboxEvent.objects.filter(type="reminder.due").order_by("id")]


def events_of_an_older_version() -> list[Event]:
    """The same as a version claims them whose scan makes no deliveries."""
    events = reminder_events()
    Delivery.objects.all().delete()
    Reminder.objects.update(state="due")
    return events


def test_each_browser_of_the_user_gets_a_delivery(alice: User, bob: User, service: PushService) -> None:
    phone, laptop = subscribe(alice, service.subscribe()), subscribe(alice, service.subscribe())
    subscribe(bob, service.subscribe())
    task_due(alice)

    scan_reminders()

    deliveries = {delivery.subscription: delivery for delivery in Delivery.objects.all()}
    assert set(deliveries) == {phone, laptop}
    delivery, reminder = deliveries[phone], Reminder.objects.get()
    assert (delivery.reminder, delivery.event_id, reminder.state) == (reminder, reminder.event_id, "due")
    assert (delivery.user, delivery.channel) == (alice, "web_push")
    assert (delivery.target, delivery.state) == (phone.endpoint, "pending")
    assert (delivery.next_attempt_at, delivery.expires_at) == (NOON, NOON + REMINDER_TTL)


def test_without_a_browser_the_reminder_says_so(alice: User) -> None:
    task_due(alice)
    scan_reminders()
    assert Reminder.objects.get().state == "no_device"


def test_a_batch_sends_the_workers_one_hint_after_its_commit(
    alice: User,
    bob: User,
    service: PushService,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    for user in (alice, alice, bob):
        subscribe(user, service.subscribe())
        task_due(user)
    with django_capture_on_commit_callbacks(execute=True):
        scan_reminders()
        assert hints_sent() == 0
    assert hints_sent() == 1


def test_no_hint_without_a_delivery(
    alice: User, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    task_due(alice)
    with django_capture_on_commit_callbacks(execute=True):
        scan_reminders()
    assert hints_sent() == 0


def test_the_event_of_a_reminder_with_deliveries_makes_none(alice: User, service: PushService) -> None:
    subscribe(alice, service.subscribe())
    task_due(alice)
    (event,) = reminder_events()
    Delivery.objects.update(state="sent")
    for _ in range(2):
        handle("notifications", event)
    assert Delivery.objects.get().state == "sent"
    assert not ParkedEvent.objects.exists()


def test_a_browser_subscribed_later_does_not_ring_when_the_event_comes(
    alice: User, service: PushService
) -> None:
    task_due(alice)
    (event,) = reminder_events()
    subscribe(alice, service.subscribe())
    handle("notifications", event)
    assert not Delivery.objects.exists()


def test_events_make_the_deliveries_that_are_missing_once(
    alice: User, bob: User, service: PushService
) -> None:
    for user in (alice, alice, bob):
        subscribe(user, service.subscribe())
        task_due(user)
    events = events_of_an_older_version()
    for _ in range(3):
        handle_together("notifications", events)
    assert Delivery.objects.filter(user=alice).count() == 4
    assert Delivery.objects.filter(user=bob).count() == 1
    assert not ParkedEvent.objects.exists()


def test_an_event_without_a_browser_is_a_reminder_without_a_device(alice: User) -> None:
    task_due(alice)
    (event,) = events_of_an_older_version()
    handle("notifications", event)
    assert Reminder.objects.get().state == "no_device"


def test_a_task_erased_meanwhile_is_no_fault(alice: User, service: PushService) -> None:
    subscribe(alice, service.subscribe())
    task = task_due(alice)
    (event,) = events_of_an_older_version()
    task.delete()
    handle("notifications", event)
    assert not Delivery.objects.exists()
    assert not ParkedEvent.objects.exists()


def test_without_redis_the_tick_finds_the_delivery(
    alice: User,
    service: PushService,
    celery_broker: Callable[[str], None],
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    subscribe(alice, service.subscribe())
    task_due(alice)
    celery_broker(NOBODY_LISTENS)
    # Celery measures its patience by the clock, so here the clock has to go.
    with time_machine.travel(NOON), django_capture_on_commit_callbacks(execute=True):
        scan_reminders()
    assert Delivery.objects.get().state == "pending"
    assert has_due()


def test_the_ticks_do_it_all_by_their_names_in_the_schedule(
    alice: User, service: PushService, settings: Settings, noon: time_machine.Traveller
) -> None:
    """As beat and the workers run it: each by the name of its message, and nothing but that."""
    subscribe(alice, service.subscribe())
    task_due(alice, due_at=NOON + timedelta(hours=1))
    ticks = [entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()]
    ours = [name for name in ticks if name.startswith("notifications_app.")]
    assert len(ours) == 5

    app.loader.import_default_modules()
    for name in ours:
        app.tasks[name].apply(throw=True)

    relay()
    assert Delivery.objects.get().state == "sent"
    assert Task.objects.get().due_announced_for == NOON + timedelta(hours=1)


def test_a_hint_of_the_version_before_delivers_too(alice: User, service: PushService) -> None:
    subscribe(alice, service.subscribe())
    task_due(alice)
    scan_reminders()
    app.loader.import_default_modules()
    app.tasks["notifications_app.deliver"].apply([Delivery.objects.get().pk], throw=True)
    assert Delivery.objects.get().state == "sent"
