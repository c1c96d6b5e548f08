"""A push service that says no: what is final, and what happens to the subscription."""

from datetime import timedelta

import pytest

from accounts_app.models import User
from devkit.demo.push_profiles import SMALL
from devkit.demo.push_service import PushService
from notifications_app.claiming import claim
from notifications_app.metrics import PUSH_REFUSED
from notifications_app.models import Delivery, PushSubscription, Reminder
from notifications_app.recording import record_all
from notifications_app.results import Result
from notifications_app.sending import send
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


@pytest.mark.parametrize("status", [301, 307, 401, 403, 422])
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
    (lease,) = claim(1, only=delivery.pk).leases
    refusing(service, 410)
    outcome = send(lease)
    PushSubscription.objects.update(updated_at=NOON + timedelta(seconds=1))
    record_all([Result(lease, outcome)])
    assert Delivery.objects.get().state == "failed"
    assert PushSubscription.objects.exists()


# --- what is sent again at once, in a simpler form -------------------------------------------------------


def _of_a_long_task(user: User, service: PushService) -> Delivery:
    return pending_delivery(user, service.subscribe(SMALL), title="Long", description="a" * 1000)


def test_a_message_that_is_too_large_is_sent_again_with_its_title_alone(
    alice: User, service: PushService
) -> None:
    delivery = after_one_attempt(_of_a_long_task(alice, service))
    assert (delivery.state, service.requests) == ("sent", 2)
    (message,) = service.messages
    assert message.notification["title"] == "Long"
    assert "body" not in message.notification
    assert attempts_of(delivery) == [(201, "")]


def test_too_large_even_so_is_final(
    alice: User, service: PushService, caplog: pytest.LogCaptureFixture
) -> None:
    delivery = pending_delivery(alice, service.subscribe())
    for _ in range(2):
        refusing(service, 413, "no")
    delivery = after_one_attempt(delivery)
    assert (delivery.state, service.requests) == ("failed", 2)
    assert PushSubscription.objects.exists()
    assert "push_refused" in caplog.text


def test_a_bad_request_is_sent_again_without_what_is_optional(alice: User, service: PushService) -> None:
    delivery = pending_delivery(alice, service.subscribe())
    refusing(service, 400, '{"reason":"BadWebPushTopic"}')
    delivery = after_one_attempt(delivery)
    assert (delivery.state, service.requests) == ("sent", 2)
    headers = service.messages[0].headers
    assert not {"topic", "urgency"} & set(headers)
    assert {"ttl", "authorization", "content-encoding"} <= set(headers)


def test_a_bad_request_even_so_is_final(alice: User, service: PushService) -> None:
    delivery = pending_delivery(alice, service.subscribe())
    for _ in range(2):
        refusing(service, 400, "no")
    delivery = after_one_attempt(delivery)
    assert (delivery.state, service.requests) == ("failed", 2)
    assert attempts_of(delivery) == [(400, "no")]
    assert PushSubscription.objects.exists()


def test_too_large_and_then_a_bad_request_is_tried_three_times_at_most(
    alice: User, service: PushService
) -> None:
    delivery = pending_delivery(alice, service.subscribe())
    for status in (413, 400, 413):
        refusing(service, status)
    assert (after_one_attempt(delivery).state, service.requests) == ("failed", 3)


@pytest.mark.parametrize("status", [429, 503, 410, 403])
def test_what_the_simpler_form_is_answered_counts(alice: User, service: PushService, status: int) -> None:
    delivery = _of_a_long_task(alice, service)
    refusing(service, 413)
    refusing(service, status, "no")
    delivery = after_one_attempt(delivery)
    assert attempts_of(delivery) == [(status, "no")]
    assert delivery.state == ("pending" if status in (429, 503) else "failed")
    assert PushSubscription.objects.exists() == (status != 410)


# --- who hears of it --------------------------------------------------------------------------------------


def _counted(service: str, status: int) -> float:
    return PUSH_REFUSED.labels(service, str(status))._value.get()


@pytest.mark.parametrize(
    ("host", "service_name", "level"),
    [
        ("web.push.apple.com", "apple", "ERROR"),
        ("fcm.googleapis.com", "google", "ERROR"),
        ("wns2-par02p.notify.windows.com", "microsoft", "ERROR"),
        ("updates.push.services.mozilla.com", "mozilla", "ERROR"),
        ("push.example.com", "other", "WARNING"),  # anyone can subscribe an endpoint that refuses
        ("evilgoogleapis.com", "other", "WARNING"),
    ],
)
def test_a_refusal_is_an_alarm(
    alice: User,
    service: PushService,
    dns: dict[str, list[list[str]]],
    caplog: pytest.LogCaptureFixture,
    host: str,
    service_name: str,
    level: str,
) -> None:
    delivery = pending_delivery(alice, service.subscribe())
    dns[host] = [["127.0.0.1"]]
    Delivery.objects.update(target=delivery.target.replace("127.0.0.1", host))
    refusing(service, 403, '{"reason":"BadJwtToken"}')
    before = _counted(service_name, 403)

    delivery = after_one_attempt(delivery)

    (record,) = [record for record in caplog.records if "push_refused" in record.getMessage()]
    assert record.levelname == level
    assert ("BadJwtToken" in record.getMessage()) == (service_name != "other")  # which may repeat secrets
    assert _counted(service_name, 403) == before + 1


def test_a_reason_in_a_header_is_recorded(alice: User, service: PushService) -> None:
    delivery = pending_delivery(alice, service.subscribe())
    for _ in range(2):
        refusing(service, 400, X_WNS_Error_Description="Channel is bad", X_WNS_Status="dropped")
    delivery = after_one_attempt(delivery)
    assert attempts_of(delivery) == [(400, "X-WNS-Error-Description: Channel is bad; X-WNS-Status: dropped")]


@pytest.mark.parametrize("value", ["dropped", "channelthrottled"])
def test_accepted_and_dropped_is_tried_again(alice: User, service: PushService, value: str) -> None:
    delivery = pending_delivery(alice, service.subscribe())
    refusing(service, 200, X_WNS_Status=value)
    delivery = after_one_attempt(delivery)
    assert delivery.state == "pending"
    assert attempts_of(delivery) == [(200, f"X-WNS-Status: {value}")]
    assert Task.objects.get().reminder_sent is False
