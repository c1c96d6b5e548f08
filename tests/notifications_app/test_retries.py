"""What may pass is tried again: when, how often, and until when."""

from datetime import timedelta
from email.utils import format_datetime

import pytest
import time_machine
from pytest_django import Settings

from accounts_app.models import User
from devkit.demo.push_service import PushService
from notifications_app.claiming import has_due
from notifications_app.models import Delivery, PushSubscription, Reminder
from notifications_app.retrying import LONGEST_RETRY_AFTER
from notifications_app.sending import deliver
from tests.notifications_app.conftest import (
    NOON,
    after_one_attempt,
    attempts_of,
    pending_delivery,
    refusing,
)

pytestmark = pytest.mark.usefixtures("noon")

HOUR = timedelta(hours=1)


@pytest.mark.parametrize("status", [406, 408, 429, 500, 502, 503])
def test_a_passing_fault_is_tried_again(
    alice: User, service: PushService, noon: time_machine.Traveller, status: int
) -> None:
    delivery = pending_delivery(alice, service.subscribe())
    refusing(service, status, "busy")

    delivery = after_one_attempt(delivery)

    wait = delivery.next_attempt_at - NOON
    assert delivery.state == "pending"
    assert timedelta(seconds=5) <= wait <= timedelta(seconds=10)
    assert attempts_of(delivery) == [(status, "busy")]
    deliver(delivery.pk)
    assert service.requests == 1  # not before its time

    noon.shift(10)
    assert has_due()
    assert after_one_attempt(delivery).state == "sent"
    assert Reminder.objects.get().state == "delivered"


@pytest.mark.parametrize(
    ("value", "wait"),
    [
        ("120", timedelta(seconds=120)),
        ("0", timedelta(seconds=10)),
        ("86400", LONGEST_RETRY_AFTER),
        (format_datetime(NOON + timedelta(minutes=7), usegmt=True), timedelta(minutes=7)),
        (format_datetime(NOON - HOUR, usegmt=True), timedelta(seconds=10)),
    ],
)
def test_retry_after_is_obeyed_within_bounds(
    alice: User, service: PushService, value: str, wait: timedelta
) -> None:
    delivery = pending_delivery(alice, service.subscribe())
    refusing(service, 429, Retry_After=value)
    assert after_one_attempt(delivery).next_attempt_at == NOON + wait


@pytest.mark.parametrize("value", ["soon", "-5", "1e3", "9" * 5000, "Mon, 32 Jan 2026 99:00:00 GMT"])
def test_a_broken_retry_after_is_no_retry_after(alice: User, service: PushService, value: str) -> None:
    delivery = pending_delivery(alice, service.subscribe())
    refusing(service, 503, Retry_After=value)
    wait = after_one_attempt(delivery).next_attempt_at - NOON
    assert timedelta(seconds=5) <= wait <= timedelta(seconds=10)


def test_the_wait_doubles_and_has_a_limit(
    alice: User, service: PushService, noon: time_machine.Traveller
) -> None:
    delivery = pending_delivery(alice, service.subscribe())
    waits = []
    for _ in range(9):
        refusing(service, 500)
        delivery = after_one_attempt(delivery)
        waits.append(delivery.next_attempt_at - delivery.attempts.last().at)
        noon.move_to(delivery.next_attempt_at)
    full = [min(timedelta(seconds=10) * 2**n, timedelta(minutes=15)) for n in range(9)]
    assert all(most / 2 <= wait <= most for wait, most in zip(waits, full, strict=True))


def test_when_its_time_is_over_it_is_not_sent(
    alice: User, service: PushService, noon: time_machine.Traveller
) -> None:
    delivery = pending_delivery(alice, service.subscribe())
    noon.shift(timedelta(hours=24))
    assert after_one_attempt(delivery).state == "expired"
    assert service.requests == 0
    assert Reminder.objects.get().state == "undelivered"


def test_a_retry_that_would_come_too_late_is_not_waited_for(
    alice: User, service: PushService, noon: time_machine.Traveller
) -> None:
    delivery = pending_delivery(alice, service.subscribe())
    noon.shift(timedelta(hours=23, minutes=59))
    refusing(service, 429, Retry_After="60")
    assert after_one_attempt(delivery).state == "expired"


def test_a_push_service_that_is_down_is_tried_again(alice: User, service: PushService) -> None:
    browser = service.subscribe()
    delivery = pending_delivery(alice, browser)
    Delivery.objects.update(target="http://127.0.0.1:1/push/closed")
    delivery = after_one_attempt(delivery)
    assert delivery.state == "pending"
    ((status, error),) = attempts_of(delivery)
    assert status is None
    assert "cannot be reached" in error


def test_a_fault_of_ours_is_recorded_and_tried_again(alice: User, service: PushService) -> None:
    delivery = pending_delivery(alice, service.subscribe())
    PushSubscription.objects.update(p256dh_key="AAAA")
    delivery = after_one_attempt(delivery)
    assert delivery.state == "pending"
    ((status, error),) = attempts_of(delivery)
    assert status is None
    assert "p256dh" in error


@pytest.mark.parametrize("key", ["", "not a key", "AAAA"])
def test_without_a_vapid_key_deliveries_wait(
    alice: User, service: PushService, settings: Settings, noon: time_machine.Traveller, key: str
) -> None:
    working, settings.VAPID_PRIVATE_KEY = settings.VAPID_PRIVATE_KEY, key
    delivery = after_one_attempt(pending_delivery(alice, service.subscribe()))
    assert (delivery.state, delivery.next_attempt_at) == ("pending", NOON + timedelta(minutes=1))
    assert attempts_of(delivery) == []
    assert service.requests == 0

    settings.VAPID_PRIVATE_KEY = working
    noon.shift(60)
    assert has_due()
    assert after_one_attempt(delivery).state == "sent"
