"""A worker that dies or stalls between sending and recording."""

from datetime import timedelta

import pytest
import time_machine

from accounts_app.models import User
from devkit.demo.push_service import PushService
from notifications_app.claiming import Lease, claim, has_due
from notifications_app.models import Delivery
from notifications_app.recording import record_all
from notifications_app.results import Result
from notifications_app.sending import deliver, deliver_due, send
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


def claimed(delivery: Delivery) -> Lease:
    """The lease of a worker that takes the delivery."""
    (lease,) = claim(1, only=delivery.pk).leases
    return lease


def test_a_worker_killed_between_send_and_record_sends_once_more(
    alice: User, service: PushService, noon: time_machine.Traveller
) -> None:
    delivery = pending_delivery(alice, service.subscribe())
    send(claimed(delivery))  # and then nothing
    assert len(service.messages) == 1
    assert attempts_of(delivery) == [(None, "")]

    deliver(delivery.pk)
    assert len(service.messages) == 1  # the lease holds
    noon.shift(29)
    assert not has_due()
    noon.shift(1)
    assert has_due()
    deliver_due()
    delivery.refresh_from_db()
    assert delivery.state == "sent"
    topics = [(message.headers["topic"], message.notification["tag"]) for message in service.messages]
    assert len(topics) == 2
    assert len(set(topics)) == 1  # on the device the second replaces the first


def test_a_lease_of_a_clock_that_was_an_hour_ahead_does_not_last_for_that_hour(
    alice: User, service: PushService, noon: time_machine.Traveller
) -> None:
    """An hour is the commonest fault of a clock: it is that of a time zone."""
    delivery = pending_delivery(alice, service.subscribe())
    noon.shift(HOUR)
    claimed(delivery)  # and then nothing
    noon.shift(timedelta(seconds=31) - HOUR)
    assert has_due()
    deliver_due()
    delivery.refresh_from_db()
    assert delivery.state == "sent"


def test_what_cannot_be_sent_within_its_lease_is_given_back(
    alice: User, service: PushService, noon: time_machine.Traveller
) -> None:
    """As when the machine was suspended after the claim."""
    delivery = pending_delivery(alice, service.subscribe())
    lease = claimed(delivery)
    noon.shift(15)
    record_all([Result(lease, send(lease))])
    assert service.requests == 0
    assert attempts_of(delivery) == []
    assert after_one_attempt(delivery).state == "sent"


def test_a_worker_that_outlived_its_lease_cannot_undo_what_another_did(
    alice: User, service: PushService, noon: time_machine.Traveller
) -> None:
    delivery = pending_delivery(alice, service.subscribe())
    refusing(service, 503)
    slow = claimed(delivery)
    outcome = send(slow)
    noon.shift(30)
    assert after_one_attempt(delivery).state == "sent"
    record_all([Result(slow, outcome)])
    delivery.refresh_from_db()
    assert delivery.state == "sent"
    assert attempts_of(delivery) == [(503, ""), (201, "")]


def test_a_task_erased_while_it_is_sent_is_no_fault(alice: User, service: PushService) -> None:
    delivery = pending_delivery(alice, service.subscribe())
    lease = claimed(delivery)
    outcome = send(lease)
    Task.objects.get().delete()
    record_all([Result(lease, outcome)])
    assert not Delivery.objects.exists()


def test_a_reminder_moved_while_it_is_sent_is_not_marked_as_rung(alice: User, service: PushService) -> None:
    delivery = pending_delivery(alice, service.subscribe())
    lease = claimed(delivery)
    outcome = send(lease)
    task = Task.objects.get()
    task.reminder_at = NOON + HOUR
    task.save()
    record_all([Result(lease, outcome)])
    assert Delivery.objects.get().state == "sent"
    assert Task.objects.get().reminder_sent is False
