"""What the push service reads on the way: RFC 8030 and RFC 8292."""

from base64 import b64encode
from datetime import timedelta

import pytest
import time_machine
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pytest_django import Settings

from accounts_app.models import User
from devkit.demo.push_service import Message, PushService
from devkit.embedded.instance import new_vapid_key
from notifications_app.channels import vapid
from notifications_app.channels.channel import ChannelUnavailableError
from notifications_app.channels.message import tag_of_task
from notifications_app.channels.web_push import retry_after
from notifications_app.deliveries import create_test_delivery
from notifications_app.models import Delivery, Reminder
from notifications_app.sending import deliver
from tests.notifications_app.conftest import NOON, pending_delivery, subscribe

pytestmark = pytest.mark.usefixtures("noon")

HOUR = timedelta(hours=1)


def arrived(service: PushService, delivery: Delivery) -> Message:
    deliver(delivery.pk)
    return service.messages[-1]


def test_the_headers_say_how_long_how_urgent_and_what_it_replaces(
    alice: User, service: PushService, noon: time_machine.Traveller
) -> None:
    delivery = pending_delivery(alice, service.subscribe())
    noon.shift(HOUR)
    headers = arrived(service, delivery).headers
    assert headers["ttl"] == str(23 * 3600)
    assert headers["urgency"] == "high"
    assert headers["topic"] == tag_of_task(Reminder.objects.get().task_id)
    assert headers["content-encoding"] == "aes128gcm"
    assert headers["user-agent"] == "todo-backend"


def test_the_token_is_for_this_push_service_and_for_some_hours(alice: User, service: PushService) -> None:
    claims = arrived(service, pending_delivery(alice, service.subscribe())).claims
    assert claims["aud"] == service.url
    assert claims["sub"] == "mailto:operator@todo-operator.net"
    assert 6 * 3600 <= claims["exp"] - NOON.timestamp() <= 12 * 3600


def test_one_token_serves_an_origin_for_hours_and_then_another_is_made(
    alice: User, service: PushService, noon: time_machine.Traveller
) -> None:
    def token() -> str:
        return arrived(service, create_test_delivery(subscription)).headers["authorization"]

    subscription = subscribe(alice, service.subscribe())
    first = token()
    noon.shift(timedelta(hours=5, minutes=59))
    assert token() == first
    noon.shift(timedelta(minutes=1))
    assert token() != first
    with_port = vapid.authorization("https://push.example.com:8443")
    assert with_port != vapid.authorization("https://push.example.com")


# --- keys -------------------------------------------------------------------------------------------------


def test_the_public_key_is_the_private_keys(settings: Settings, alice: User, service: PushService) -> None:
    message = arrived(service, pending_delivery(alice, service.subscribe()))
    assert message.headers["authorization"].endswith(f"k={vapid.public_key()}")
    settings.VAPID_PRIVATE_KEY = new_vapid_key()
    assert not message.headers["authorization"].endswith(f"k={vapid.public_key()}")


def _other_curve() -> str:
    key = ec.generate_private_key(ec.SECP384R1())
    return b64encode(key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())).decode()


@pytest.mark.parametrize(
    ("setting", "value", "says"),
    [
        ("VAPID_PRIVATE_KEY", "", "is not set"),
        ("VAPID_PRIVATE_KEY", "nonsense", "is not a private key"),
        ("VAPID_PRIVATE_KEY", _other_curve(), "P-256"),
        ("VAPID_SUBJECT", "operator", "'sub'"),
    ],
)
def test_what_is_wrong_with_the_settings_is_said(
    settings: Settings, setting: str, value: str, says: str
) -> None:
    setattr(settings, setting, value)
    with pytest.raises(ChannelUnavailableError, match=says):
        vapid.authorization("https://push.example.com")


def test_a_wait_is_read_from_seconds_or_a_date() -> None:
    assert retry_after(None) is None
    assert retry_after(" 30 ") == timedelta(seconds=30)
    assert retry_after("Mon, 02 Mar 2026 12:00:30 GMT") == timedelta(seconds=30)
    assert retry_after("Mon, 02 Mar 2026 12:00:30 -0000") is None
