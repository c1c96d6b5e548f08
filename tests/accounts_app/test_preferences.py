"""How a user wants to be reminded, in /api/me."""

from typing import Any

import pytest
from django.db import IntegrityError
from rest_framework.test import APIClient

from accounts_app import email_confirmation
from accounts_app.models import User
from accounts_app.preferences import Channel, EmailStop
from accounts_app.reaching import channels_used
from notifications_app.models import PushSubscription
from tests.accounts_app.conftest import error_of

pytestmark = pytest.mark.django_db
PUSH, EMAIL = Channel.PUSH, Channel.EMAIL
STORED = ("default_reminder_offset", "quiet_from", "quiet_to", "channels", "due_soon_notifications")


@pytest.fixture
def client(alice: User, client_of: Any) -> APIClient:
    return client_of(alice)  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("sent", "answered"),
    [
        ({"quiet_from": "22:00", "quiet_to": "07:00"}, {}),
        ({"quiet_from": None, "quiet_to": None}, {}),
        ({"default_reminder_offset": 0}, {}),
        ({"default_reminder_offset": 527_040}, {}),
        ({"due_soon_notifications": True}, {}),
        ({"channels": []}, {}),
        ({"channels": ["email", "push"]}, {"channels": ["push", "email"]}),
        ({"channels": ["email", "email"]}, {"channels": ["email"]}),
    ],
)
def test_can_be_changed(
    client: APIClient, alice: User, bob: User, sent: dict[str, Any], answered: dict[str, Any]
) -> None:
    answer = client.patch("/api/me", sent)
    assert answer.status_code == 200
    expected = sent | answered
    assert {name: answer.json()[name] for name in expected} == expected
    assert {name: client.get("/api/me").json()[name] for name in expected} == expected
    unchanged = User(email="new@example.test")
    bob.refresh_from_db()
    assert {name: getattr(bob, name) for name in STORED} == {
        name: getattr(unchanged, name) for name in STORED
    }


@pytest.mark.parametrize(
    ("sent", "field", "code"),
    [
        ({"quiet_from": "22:00"}, "quiet_to", "required"),
        ({"quiet_to": "22:00"}, "quiet_from", "required"),
        ({"quiet_from": "22:00", "quiet_to": None}, "quiet_to", "required"),
        ({"quiet_from": "22:00", "quiet_to": "22:00"}, "quiet_to", "conflict"),
        ({"quiet_from": "24:00", "quiet_to": "07:00"}, "quiet_from", "invalid"),
        ({"quiet_from": "22:00:30", "quiet_to": "07:00"}, "quiet_from", "invalid"),
        ({"default_reminder_offset": -1}, "default_reminder_offset", "min_value"),
        ({"default_reminder_offset": 527_041}, "default_reminder_offset", "max_value"),
        ({"default_reminder_offset": "30"}, "default_reminder_offset", "invalid"),
        ({"channels": None}, "channels", "null"),
        ({"channels": "push"}, "channels", "invalid"),
        ({"channels": ["pigeon"]}, "channels.0", "invalid_choice"),
        ({"due_soon_notifications": None}, "due_soon_notifications", "null"),
        ({"reachable": True}, "reachable", "read_only"),
    ],
)
def test_a_wrong_value_is_named(
    client: APIClient, alice: User, sent: dict[str, Any], field: str, code: str
) -> None:
    assert error_of(client.patch("/api/me", sent), 400) == (field, code)
    before = User.objects.values(*STORED).get(pk=alice.pk)
    assert before == {name: getattr(alice, name) for name in STORED}


class TestOneEndOfTheQuietHours:
    @pytest.fixture(autouse=True)
    def quiet(self, client: APIClient) -> None:
        client.patch("/api/me", {"quiet_from": "22:00", "quiet_to": "07:00"})

    def test_can_move(self, client: APIClient) -> None:
        me = client.patch("/api/me", {"quiet_to": "08:00"}).json()
        assert (me["quiet_from"], me["quiet_to"]) == ("22:00", "08:00")

    def test_cannot_meet_the_other(self, client: APIClient) -> None:
        assert error_of(client.patch("/api/me", {"quiet_to": "22:00"}), 400) == ("quiet_to", "conflict")

    def test_cannot_go_alone(self, client: APIClient) -> None:
        assert error_of(client.patch("/api/me", {"quiet_to": None}), 400) == ("quiet_to", "required")

    def test_is_never_left_alone(self, alice: User) -> None:
        with pytest.raises(IntegrityError):
            User.objects.filter(pk=alice.pk).update(quiet_to=None)


@pytest.mark.parametrize(
    ("chosen", "confirmed", "stopped", "has_device", "used"),
    [
        ([PUSH], False, None, True, [PUSH]),
        ([PUSH], True, None, True, [PUSH]),
        ([PUSH], True, None, False, [EMAIL]),
        ([PUSH], False, None, False, []),
        ([PUSH], True, EmailStop.UNSUBSCRIBED, False, []),
        ([EMAIL], True, None, True, [EMAIL]),
        ([EMAIL], True, None, False, [EMAIL]),
        ([EMAIL], False, None, True, [PUSH]),
        ([EMAIL], True, EmailStop.REFUSED, True, [PUSH]),
        ([EMAIL], True, EmailStop.REFUSED, False, []),
        ([PUSH, EMAIL], True, None, True, [PUSH, EMAIL]),
        ([PUSH, EMAIL], True, None, False, [EMAIL]),
        ([PUSH, EMAIL], False, None, True, [PUSH]),
        ([PUSH, EMAIL], False, None, False, []),
        ([], True, None, True, []),
    ],
)
def test_the_channels_that_are_used(
    client: APIClient,
    alice: User,
    chosen: list[str],
    confirmed: bool,
    stopped: str | None,
    has_device: bool,
    used: list[str],
) -> None:
    alice.channels, alice.email_confirmed, alice.email_stopped = chosen, confirmed, stopped
    alice.save()
    if has_device:
        PushSubscription.objects.create(user=alice, endpoint="https://push.example.com/alice")
    able = {PUSH: has_device, EMAIL: alice.email_gets_reminders}
    assert channels_used(chosen, able=[channel for channel, is_able in able.items() if is_able]) == used
    assert client.get("/api/me").json()["reachable"] is bool(used)


def test_another_users_device_is_not_mine(client: APIClient, bob: User) -> None:
    PushSubscription.objects.create(user=bob, endpoint="https://push.example.com/bob")
    assert client.get("/api/me").json()["reachable"] is False


class TestAStoppedAddress:
    @pytest.fixture(autouse=True)
    def stopped(self, alice: User) -> None:
        alice.email_confirmed, alice.email_stopped = True, EmailStop.REFUSED
        alice.save()

    def test_is_used_again_when_email_is_chosen(self, client: APIClient) -> None:
        assert client.patch("/api/me", {"channels": ["push"]}).json()["reachable"] is False
        assert client.patch("/api/me", {"channels": ["email"]}).json()["reachable"] is True

    def test_is_used_again_when_it_is_confirmed(self, alice: User, client_of: Any) -> None:
        confirmed = email_confirmation.confirm(email_confirmation.make_token(alice))
        confirmed.refresh_from_db()
        assert client_of(confirmed).get("/api/me").json()["reachable"] is True
