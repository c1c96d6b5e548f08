"""Real transactions, real threads: what two processes do at the same moment."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import pytest
from django.db import connection, transaction

from accounts_app.models import User
from devkit.demo.push_profiles import RefusalError
from devkit.demo.push_service import PushService
from events_app.envelope import from_row
from events_app.handling import handle
from events_app.models import OutboxEvent, ParkedEvent
from notifications_app.channels.channel import AttemptOutcome
from notifications_app.channels.web_push import WebPush
from notifications_app.claiming import claim
from notifications_app.models import Delivery, DeliveryAttempt, PushSubscription, Reminder
from notifications_app.scan import scan_reminders
from notifications_app.sending import Pipeline, deliver, deliver_due
from notifications_app.subscriptions import unsubscribe, unsubscribe_all, unsubscribe_gone
from tasks_app.models import Task
from tests.aside import aside
from tests.notifications_app.conftest import pending_delivery, subscribe, task_due

T = TypeVar("T")

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(*works: Callable[[], T]) -> list[T]:
    """Run all at the same moment, each in a thread and on a connection of its own; what they answered."""
    barrier = threading.Barrier(len(works))

    def run(work: Callable[[], T]) -> T:
        try:
            barrier.wait(60)
            return work()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(works)) as pool:
        return [future.result(60) for future in [pool.submit(run, work) for work in works]]


def test_two_workers_send_one_delivery_once(alice: User, service: PushService) -> None:
    for _ in range(5):
        delivery = pending_delivery(alice, service.subscribe())
        Delivery.objects.exclude(pk=delivery.pk).delete()
        requests = service.requests
        at_once(*[lambda pk=delivery.pk: deliver(pk)] * 4)
        assert service.requests == requests + 1
        assert delivery.attempts.count() == 1
        unsubscribe(delivery.subscription)


def test_a_delivery_under_way_is_not_taken_by_another_worker(
    alice: User, service: PushService, monkeypatch: pytest.MonkeyPatch
) -> None:
    delivery = pending_delivery(alice, service.subscribe())
    real = WebPush.send
    sends = []

    def send_while_another_tries(channel: WebPush, claimed: Delivery) -> AttemptOutcome:
        sends.append(claimed.pk)
        assert not transaction.get_connection().in_atomic_block  # nothing is locked while we wait for others
        at_once(lambda: deliver(claimed.pk))
        return real(channel, claimed)

    monkeypatch.setattr(WebPush, "send", send_while_another_tries)
    deliver(delivery.pk)
    assert sends == [delivery.pk]
    assert Delivery.objects.get().state == "sent"


def test_two_scans_share_what_is_due(alice: User) -> None:
    for _ in range(60):
        task_due(alice)
    claimed = at_once(*[lambda: scan_reminders(limit=7)] * 3)
    claimed.append(scan_reminders())  # reminders that were locked while another worker looked for more
    assert sum(claimed) == 60
    assert Reminder.objects.count() == 60
    events = OutboxEvent.objects.filter(type="reminder.due")
    assert len({event.subject for event in events}) == len(events) == 60


def test_a_scan_does_not_wait_for_a_locked_task(alice: User) -> None:
    busy, free = task_due(alice), task_due(alice)
    with transaction.atomic():
        Task.objects.locked().get(pk=busy.pk)
        assert at_once(scan_reminders) == [1]
    assert Reminder.objects.get().task == free
    assert scan_reminders() == 1


def test_a_task_completed_while_it_is_scanned_does_not_ring(alice: User) -> None:
    task = task_due(alice)
    with transaction.atomic():
        task.completed = True
        task.save()
        assert at_once(scan_reminders) == [0]
    assert scan_reminders() == 0


def test_an_event_handled_three_times_at_once_is_one_delivery_for_each_browser(
    alice: User, service: PushService
) -> None:
    for _ in range(3):
        subscribe(alice, service.subscribe())
    task_due(alice)
    scan_reminders()
    Delivery.objects.all().delete()
    event = from_row(OutboxEvent.objects.get(type="reminder.due"))
    at_once(*[lambda: handle("notifications", event)] * 3)
    assert Delivery.objects.count() == 3
    assert not ParkedEvent.objects.exists()


def test_two_claims_share_what_is_due(alice: User, service: PushService) -> None:
    for _ in range(4):
        subscribe(alice, service.subscribe())
    ids = pending_delivery_ids(alice)
    claims = [*at_once(*[lambda: claim(2)] * 3), claim(10)]
    assert sorted(lease.delivery.pk for claimed in claims for lease in claimed.leases) == sorted(ids)


def test_two_processes_send_each_delivery_once(alice: User, bob: User, service: PushService) -> None:
    for user in (alice, bob) * 10:
        subscribe(user, service.subscribe())
        task_due(user)
    scan_reminders()
    while Delivery.objects.filter(state="pending").exists():  # what was put off comes due again
        at_once(*[lambda: Pipeline(window=8).run()] * 3)
    assert len(service.messages) == 200
    assert set(Delivery.objects.values_list("state", flat=True)) == {"sent"}
    assert DeliveryAttempt.objects.count() == 200
    assert set(Reminder.objects.values_list("state", flat=True)) == {"delivered"}
    assert Task.objects.filter(reminder_sent=True).count() == 20


def pending_delivery_ids(user: User) -> list[int]:
    task_due(user)
    scan_reminders()
    return list(Delivery.objects.values_list("pk", flat=True))


def test_the_last_two_deliveries_of_a_reminder_end_it_together(alice: User, service: PushService) -> None:
    for _ in range(4):
        subscribe(alice, service.subscribe())
    ids = pending_delivery_ids(alice)
    service.refusals = [RefusalError(403, "no") for _ in ids]
    at_once(*[lambda pk=pk: deliver(pk) for pk in ids])
    assert Reminder.objects.get().state == "undelivered"


def test_success_on_several_devices_is_one_event(alice: User, service: PushService) -> None:
    for _ in range(4):
        subscribe(alice, service.subscribe())
    ids = pending_delivery_ids(alice)
    OutboxEvent.objects.all().delete()
    at_once(*[lambda pk=pk: deliver(pk) for pk in ids])
    assert len(service.messages) == 4
    assert [event.type for event in OutboxEvent.objects.order_by("id")] == ["task.updated", "task.sync"]
    assert Reminder.objects.get().state == "delivered"


def test_a_worker_that_comes_while_a_task_is_erased_finds_nothing(alice: User, service: PushService) -> None:
    delivery = pending_delivery(alice, service.subscribe())
    with transaction.atomic():
        Task.objects.get().delete()
        at_once(lambda: deliver(delivery.pk))
    assert service.messages == []
    assert not DeliveryAttempt.objects.exists()
    assert not Delivery.objects.exists()


def test_a_browser_may_go_in_every_way_at_once(alice: User, service: PushService) -> None:
    """410 for two deliveries, an unsubscribe and the erasure of a task: no deadlock, nothing left."""
    for _ in range(4):
        subscription = subscribe(alice, service.subscribe())
        for _ in range(2):
            task_due(alice)
        scan_reminders()
        ids = list(Delivery.objects.values_list("pk", flat=True))
        service.refusals = [RefusalError(410, "gone") for _ in ids]
        erased = Task.objects.first()
        at_once(
            *[lambda pk=pk: deliver(pk) for pk in ids],
            lambda s=subscription: unsubscribe(s),
            lambda s=subscription: unsubscribe_gone(s),
            lambda task=erased: task.delete(),
        )
        deliver_due()  # what was locked while a worker looked for it
        assert not subscription.__class__.objects.exists()
        assert not Delivery.objects.filter(state="pending").exists()
        OutboxEvent.objects.all().delete()
        Task.objects.all().delete()


@pytest.mark.parametrize(
    "leave",
    [unsubscribe, unsubscribe_gone, lambda subscription: unsubscribe_all(subscription.user)],
    ids=["unsubscribe", "gone", "all"],
)
def test_a_browser_may_go_while_its_deliveries_are_recorded(
    alice: User, service: PushService, leave: Callable[[PushSubscription], None]
) -> None:
    """The deletion takes the deliveries by id, as a recorder does, and not as they lie in the table."""
    subscription = subscribe(alice, service.subscribe())
    for _ in range(2):
        task_due(alice)
    scan_reminders()
    first, second = Delivery.objects.order_by("pk")
    claim(1, only=first.pk)  # its row lies behind the other one now
    with aside() as start:
        with transaction.atomic():
            Delivery.objects.select_for_update(no_key=True).get(pk=first.pk)
            leaving = start(lambda: leave(subscription))
            Delivery.objects.select_for_update(no_key=True, nowait=True).get(pk=second.pk)
        leaving.result(60)
    assert not PushSubscription.objects.exists()
    assert set(Delivery.objects.values_list("subscription", flat=True)) == {None}
