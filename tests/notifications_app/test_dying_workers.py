"""A worker that dies or stalls between sending and recording."""

from datetime import timedelta

import pytest
import time_machine

from accounts_app.models import User
from devkit.demo.push_service import PushService
from notifications_app import deliveries
from notifications_app.deliveries import deliver
from notifications_app.models import Delivery
from notifications_app.tasks import requeue_stalled_deliveries
from tasks_app.models import Task
from tests.notifications_app.conftest import (
    NOON,
    after_one_attempt,
    attempts_of,
    pending_delivery,
    refusing,
)

pytestmark = pytest.mark.usefixtures("noon")

HOUR = timedelta(hours=1)


class KilledError(BaseException):
    """kill -9, as far as our code can tell: nothing after it runs."""


def dying_after_sending(monkeypatch: pytest.MonkeyPatch) -> None:
    def die(*_: object) -> None:
        raise KilledError

    monkeypatch.setattr(deliveries, "record_outcome", die)


def test_a_worker_killed_between_send_and_record_sends_once_more(
    alice: User, service: PushService, noon: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch
) -> None:
    delivery = pending_delivery(alice, service.subscribe())
    with monkeypatch.context() as patched:
        dying_after_sending(patched)
        with pytest.raises(KilledError):
            deliver(delivery.pk)
    assert len(service.messages) == 1
    assert attempts_of(delivery) == [(None, "")]

    deliver(delivery.pk)
    assert len(service.messages) == 1  # the lease holds
    noon.shift(59)
    assert requeue_stalled_deliveries() == 0
    noon.shift(1)
    assert requeue_stalled_deliveries() == 1
    assert after_one_attempt(delivery).state == "sent"
    topics = [(message.headers["topic"], message.notification["tag"]) for message in service.messages]
    assert len(topics) == 2
    assert len(set(topics)) == 1  # on the device the second replaces the first


def test_a_worker_that_outlived_its_lease_cannot_undo_what_another_did(
    alice: User, service: PushService, noon: time_machine.Traveller
) -> None:
    delivery = pending_delivery(alice, service.subscribe())
    slow = deliveries.lease_delivery(delivery.pk)
    assert slow
    noon.shift(60)
    assert after_one_attempt(delivery).state == "sent"
    refusing(service, 503)
    deliveries.record_outcome(slow, deliveries.CHANNELS["web_push"].send(slow.delivery))
    delivery.refresh_from_db()
    assert delivery.state == "sent"
    assert attempts_of(delivery) == [(503, ""), (201, "")]


def test_a_task_erased_while_it_is_sent_is_no_fault(alice: User, service: PushService) -> None:
    delivery = pending_delivery(alice, service.subscribe())
    lease = deliveries.lease_delivery(delivery.pk)
    assert lease
    outcome = deliveries.CHANNELS["web_push"].send(lease.delivery)
    Task.objects.get().delete()
    deliveries.record_outcome(lease, outcome)
    assert not Delivery.objects.exists()


def test_a_reminder_moved_while_it_is_sent_is_not_marked_as_rung(alice: User, service: PushService) -> None:
    delivery = pending_delivery(alice, service.subscribe())
    lease = deliveries.lease_delivery(delivery.pk)
    assert lease
    outcome = deliveries.CHANNELS["web_push"].send(lease.delivery)
    task = Task.objects.get()
    task.reminder_at = NOON + HOUR
    task.save()
    deliveries.record_outcome(lease, outcome)
    assert Delivery.objects.get().state == "sent"
    assert Task.objects.get().reminder_sent is False
