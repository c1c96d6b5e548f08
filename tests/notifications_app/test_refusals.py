"""A push service that says no: what is final, and what happens to the subscription."""

from datetime import timedelta

import pytest

from accounts_app.models import User
from devkit.demo.push_service import PushService
from notifications_app import deliveries
from notifications_app.models import Delivery, PushSubscription, Reminder
from tasks_app.models import Task
from tests.notifications_app.conftest import (
    NOON,
    after_one_attempt,
    attempts_of,
    pending_delivery,
    refusing,
    subscribe,
)

pytestmark = pytest.mark.usefixtures("noon")


@pytest.mark.parametrize("status", [404, 410])
def test_a_browser_that_is_gone_is_unsubscribed(alice: User, service: PushService, status: int) -> None:
    delivery = pending_delivery(alice, service.subscribe())
    kept = subscribe(alice, service.subscribe())
    refusing(service, status, "unsubscribed")

    delivery = after_one_attempt(delivery)

    assert (delivery.state, delivery.subscription) == ("failed", None)
    assert delivery.target.startswith(service.url)
    assert attempts_of(delivery) == [(status, "unsubscribed")]
    assert list(PushSubscription.objects.all()) == [kept]
    assert Reminder.objects.get().state == "undelivered"
    assert Task.objects.get().reminder_sent is False


@pytest.mark.parametrize("status", [301, 307, 400, 401, 403, 406, 413, 422])
def test_a_refusal_is_final_and_leaves_the_subscription(
    alice: User, service: PushService, status: int
) -> None:
    delivery = pending_delivery(alice, service.subscribe())
    refusing(service, status, "no", Location=service.url + "/elsewhere")

    delivery = after_one_attempt(delivery)

    assert (delivery.state, delivery.subscription) == ("failed", PushSubscription.objects.get())
    assert attempts_of(delivery) == [(status, "no")]
    assert service.requests == 1  # a redirect is not followed
    assert Reminder.objects.get().state == "undelivered"


def test_a_browser_that_subscribed_anew_meanwhile_is_kept(alice: User, service: PushService) -> None:
    delivery = pending_delivery(alice, service.subscribe())
    lease = deliveries.lease_delivery(delivery.pk)
    assert lease
    refusing(service, 410)
    outcome = deliveries.CHANNELS["web_push"].send(lease.delivery)
    PushSubscription.objects.update(updated_at=NOON + timedelta(seconds=1))
    deliveries.record_outcome(lease, outcome)
    assert Delivery.objects.get().state == "failed"
    assert PushSubscription.objects.exists()
