"""What a browser gets, and what the push service reads on the way: RFC 8030, 8291 and 8292."""

import json
from base64 import b64encode
from datetime import date, timedelta

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
from notifications_app.channels.payload import PAYLOAD_BYTES, cut, payload_of
from notifications_app.channels.web_push import retry_after
from notifications_app.deliveries import create_test_delivery, deliver
from notifications_app.models import Delivery, Reminder
from tests.notifications_app.conftest import NOON, pending_delivery, subscribe

pytestmark = pytest.mark.usefixtures("noon")

HOUR = timedelta(hours=1)


def arrived(service: PushService, delivery: Delivery) -> Message:
    deliver(delivery.pk)
    return service.messages[-1]


def test_the_browser_reads_the_reminder(alice: User, service: PushService) -> None:
    browser = service.subscribe()
    delivery = pending_delivery(
        alice, browser, title="Milch \u2013 🥛", description="two litres", due_at=NOON + HOUR
    )
    message = arrived(service, delivery)
    reminder = Reminder.objects.get()
    assert message.browser == browser
    assert message.payload == {
        "title": "Milch \u2013 🥛",
        "body": "two litres",
        "task_id": reminder.task_id,
        "reminder_at": reminder.reminder_at.isoformat(),
        "due_at": "2026-03-02T13:00:00+00:00",
        "due_date": None,
        "tag": f"task-{reminder.task_id}",
    }


def test_an_all_day_task_says_its_day(alice: User, service: PushService) -> None:
    message = arrived(service, pending_delivery(alice, service.subscribe(), due_date=date(2026, 3, 3)))
    assert message.payload["due_date"] == "2026-03-03"


def test_without_description_there_is_no_body(alice: User, service: PushService) -> None:
    message = arrived(service, pending_delivery(alice, service.subscribe()))
    assert "body" not in message.payload
    assert message.payload["due_at"] is None


def test_the_headers_say_how_long_how_urgent_and_what_it_replaces(
    alice: User, service: PushService, noon: time_machine.Traveller
) -> None:
    delivery = pending_delivery(alice, service.subscribe())
    noon.shift(HOUR)
    headers = arrived(service, delivery).headers
    assert headers["ttl"] == str(23 * 3600)
    assert headers["urgency"] == "high"
    assert headers["topic"] == f"task-{Reminder.objects.get().task_id}"
    assert headers["content-encoding"] == "aes128gcm"
    assert headers["user-agent"] == "todo-backend"


def test_the_token_is_for_this_push_service_and_for_some_hours(alice: User, service: PushService) -> None:
    claims = arrived(service, pending_delivery(alice, service.subscribe())).claims
    assert claims["aud"] == service.url
    assert claims["sub"] == "mailto:operator@example.test"
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


def test_a_test_notification_says_what_it_is(alice: User, service: PushService) -> None:
    delivery = create_test_delivery(subscribe(alice, service.subscribe()))
    message = arrived(service, delivery)
    assert message.payload["title"] == "Test notification"
    assert (message.payload["task_id"], message.payload["tag"]) == (None, "test")
    assert message.headers["topic"] == "test"
    assert message.headers["ttl"] == "600"
    assert Delivery.objects.get().state == "sent"


# --- size -------------------------------------------------------------------------------------------------

LONGEST = {
    "letters": "a",
    "umlauts": "\u00fc",
    "emoji": "👩",
    "quotes": '"',
    "control characters": "\x01",
}


@pytest.mark.parametrize("character", LONGEST.values(), ids=LONGEST)
def test_the_longest_task_fits_into_a_message(alice: User, service: PushService, character: str) -> None:
    due_at = NOON + HOUR
    fields = {"title": character * 200, "description": character * 1000, "due_at": due_at}
    delivery = pending_delivery(alice, service.subscribe(), **fields)

    payload = arrived(service, delivery).payload

    assert Delivery.objects.get().state == "sent"  # a larger one the service would have answered with 413
    assert len(payload_of(Delivery.objects.get())) <= PAYLOAD_BYTES
    assert set(payload["title"]) <= {character, "…"}
    assert set(payload["body"]) <= {character, "…"}
    if character != "\x01":
        assert payload["title"] == character * 200
    if character == "a":
        assert payload["body"] == character * 1000


@pytest.mark.parametrize(
    ("text", "limit", "fits"),
    [
        ("abc", 3, "abc"),
        ("abcd", 3, "…"),
        ("abcdef", 5, "ab…"),
        ("\u00fc\u00fc\u00fc", 6, "\u00fc\u00fc\u00fc"),
        ("\u00fc\u00fc\u00fc\u00fc", 6, "\u00fc…"),
        ("🥛🥛🥛", 8, "🥛…"),
        ("one two", 7, "one two"),
        ("one two three", 7, "one…"),
    ],
)
def test_a_text_is_cut_between_characters(text: str, limit: int, fits: str) -> None:
    assert cut(text, limit) == fits
    assert len(json.dumps(fits, ensure_ascii=False).encode()) - 2 <= limit


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
