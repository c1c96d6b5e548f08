"""/api/push-subscriptions and /api/push/vapid-public-key."""

from base64 import b64encode, urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings
from rest_framework.test import APIClient

from accounts_app.models import User
from devkit.demo.push_service import PushService
from notifications_app import subscriptions
from notifications_app.channels import vapid
from notifications_app.models import PushSubscription
from tests.notifications_app.conftest import subscribe

ClientOf = Callable[[User], APIClient]
URL = "/api/push-subscriptions"


def error_of(response: Any, attr: str) -> dict[str, Any]:
    (error,) = [error for error in response.json()["errors"] if error["attr"] == attr]
    return error


def test_subscribing_answers_the_subscription_without_its_keys(
    alice: User, client_of: ClientOf, service: PushService
) -> None:
    browser = service.subscribe()
    response = client_of(alice).post(URL, browser.subscription, headers={"User-Agent": "Firefox/140"})

    assert response.status_code == 201
    row = PushSubscription.objects.get()
    assert row.user == alice
    body = response.json()
    assert set(body) == {"id", "endpoint", "user_agent", "created_at", "updated_at"}
    assert (body["id"], body["endpoint"], body["user_agent"]) == (row.pk, browser.endpoint, "Firefox/140")
    assert {"p256dh_key": row.p256dh_key, "auth_key": row.auth_key}.items() <= browser.subscription.items()


def test_a_name_for_the_device_is_kept_and_a_long_header_is_cut(
    alice: User, client_of: ClientOf, service: PushService
) -> None:
    named = service.subscribe().subscription | {"user_agent": "My phone"}
    assert client_of(alice).post(URL, named).json()["user_agent"] == "My phone"
    long = {"User-Agent": "x" * 1000}
    answer = client_of(alice).post(URL, service.subscribe().subscription, headers=long).json()
    assert answer["user_agent"] == "x" * 500


def test_padded_keys_are_the_same_keys(alice: User, client_of: ClientOf, service: PushService) -> None:
    plain = service.subscribe().subscription
    padded = plain | {"p256dh_key": plain["p256dh_key"] + "=", "auth_key": plain["auth_key"] + "=="}
    assert client_of(alice).post(URL, padded).status_code == 201
    assert PushSubscription.objects.get().auth_key == plain["auth_key"]


def as_browser(subscription: dict[str, str], **more: Any) -> dict[str, Any]:
    """What `JSON.stringify(subscription)` makes in a browser."""
    keys = {"p256dh": subscription["p256dh_key"], "auth": subscription["auth_key"]}
    return {"endpoint": subscription["endpoint"], "keys": keys} | more


def base64_of(text: str) -> str:
    """The same bytes in standard base64, padded, as some libraries write them."""
    return b64encode(urlsafe_b64decode(text + "==")).decode()


@pytest.mark.parametrize(
    "more",
    [{"expirationTime": None}, {"expirationTime": 1893456000000}, {"expirationTime": 1893456000000.5}, {}],
)
def test_the_json_of_a_browser_is_taken_as_it_is(
    alice: User, client_of: ClientOf, service: PushService, more: dict[str, Any]
) -> None:
    flat = service.subscribe().subscription
    response = client_of(alice).post(URL, as_browser(flat, **more))
    assert response.status_code == 201
    assert set(response.json()) == {"id", "endpoint", "user_agent", "created_at", "updated_at"}
    row = PushSubscription.objects.get()
    assert flat == {"endpoint": row.endpoint, "p256dh_key": row.p256dh_key, "auth_key": row.auth_key}


@pytest.mark.parametrize("in_browsers_form", [True, False])
def test_keys_in_standard_base64_are_the_same_keys(
    alice: User, client_of: ClientOf, service: PushService, in_browsers_form: bool
) -> None:
    flat = service.subscribe().subscription
    other = flat | {name: base64_of(flat[name]) for name in ("p256dh_key", "auth_key")}
    body = as_browser(other) if in_browsers_form else other
    assert client_of(alice).post(URL, body).status_code == 201
    row = PushSubscription.objects.get()
    assert (row.p256dh_key, row.auth_key) == (flat["p256dh_key"], flat["auth_key"])


@pytest.mark.parametrize(
    ("change", "attr", "code"),
    [
        ({"keys": {"p256dh": "AAAA", "auth": "tBHItJI5svbpez7KI4CCXg"}}, "keys.p256dh", "bad_key"),
        ({"keys": {"auth": "tBHItJI5svbpez7KI4CCXg"}}, "keys.p256dh", "required"),
        ({"keys": {"p256dh": None, "auth": "tBHItJI5svbpez7KI4CCXg"}}, "keys.p256dh", "null"),
        ({"keys": "x"}, "keys", "invalid"),
        ({"keys": {"p265dh": "x"}}, "keys.p265dh", "unknown_field"),
        ({"auth_key": "tBHItJI5svbpez7KI4CCXg"}, "keys", "conflict"),
        ({"expirationTime": "soon"}, "expirationTime", "invalid"),
    ],
)
def test_what_is_wrong_in_a_browsers_json_is_named(
    alice: User, client_of: ClientOf, service: PushService, change: dict[str, Any], attr: str, code: str
) -> None:
    response = client_of(alice).post(URL, as_browser(service.subscribe().subscription) | change)
    assert response.status_code == 400
    assert error_of(response, attr)["code"] == code


@pytest.mark.parametrize("sent", [[], ["p256dh_key"], ["auth_key"]])
def test_without_keys_both_are_required(
    alice: User, client_of: ClientOf, service: PushService, sent: list[str]
) -> None:
    flat = service.subscribe().subscription
    response = client_of(alice).post(URL, {name: flat[name] for name in ("endpoint", *sent)})
    missing = {"p256dh_key", "auth_key"} - set(sent)
    assert {(error["attr"], error["code"]) for error in response.json()["errors"]} == {
        (name, "required") for name in missing
    }


def test_subscribing_again_renews_it(alice: User, client_of: ClientOf, service: PushService) -> None:
    first, second = service.subscribe(), service.subscribe()
    client = client_of(alice)
    created = client.post(URL, first.subscription).json()
    renewed = client.post(URL, second.subscription | {"endpoint": first.endpoint})
    assert renewed.status_code == 200
    assert renewed.json()["id"] == created["id"]
    assert renewed.json()["updated_at"] > created["updated_at"]
    assert PushSubscription.objects.get().p256dh_key == second.subscription["p256dh_key"]


def test_anyone_who_subscribes_a_browser_has_it(
    alice: User, bob: User, client_of: ClientOf, service: PushService
) -> None:
    browser = service.subscribe()
    client_of(alice).post(URL, browser.subscription)
    assert client_of(bob).post(URL, browser.subscription).status_code == 200
    assert PushSubscription.objects.get().user == bob
    assert client_of(alice).get(URL).json()["results"] == []


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("endpoint", "http://push.example.com/a", "endpoint_refused"),
        ("endpoint", "https://127.0.0.1/a", "endpoint_refused"),
        ("endpoint", "https://push.example.com/" + "a" * 2000, "max_length"),
        ("endpoint", "", "blank"),
        ("p256dh_key", "AAAA", "bad_key"),
        ("p256dh_key", "!" * 87, "bad_key"),
        ("p256dh_key", urlsafe_b64encode(b"\x04" + b"\x01" * 64).decode(), "bad_key"),
        ("p256dh_key", urlsafe_b64encode(b"\x05" + b"\x01" * 64).decode(), "bad_key"),
        ("p256dh_key", urlsafe_b64encode(b"\x00" * 65).decode(), "bad_key"),
        ("p256dh_key", None, "null"),
        ("auth_key", "c2hvcnQ", "bad_key"),
        ("auth_key", urlsafe_b64encode(b"1" * 17).decode(), "bad_key"),
        ("auth_key", "a" * 21, "bad_key"),
        ("auth_key", "ä" * 22, "bad_key"),
        ("user_agent", "x" * 501, "max_length"),
        ("id", 7, "read_only"),
        ("user", 7, "unknown_field"),
    ],
)
def test_what_is_wrong_is_named(
    alice: User,
    client_of: ClientOf,
    service: PushService,
    settings: Settings,
    field: str,
    value: object,
    code: str,
) -> None:
    settings.PUSH_ALLOW_INSECURE_ENDPOINTS = False
    body = service.subscribe().subscription | {"endpoint": "https://push.example.com/a", field: value}
    response = client_of(alice).post(URL, body)
    assert response.status_code == 400
    assert error_of(response, field)["code"] == code
    assert not PushSubscription.objects.exists()


def test_a_compressed_point_is_refused(alice: User, client_of: ClientOf, service: PushService) -> None:
    body = service.subscribe().subscription
    compressed = urlsafe_b64encode(b"\x02" + b"\x01" * 32).decode()
    response = client_of(alice).post(URL, body | {"p256dh_key": compressed})
    assert "65 bytes" in error_of(response, "p256dh_key")["detail"]


def test_the_number_of_browsers_has_a_bound(
    alice: User, bob: User, client_of: ClientOf, service: PushService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscriptions, "MAX_PER_USER", 2)
    first = service.subscribe()
    for browser in (first, service.subscribe()):
        assert client_of(alice).post(URL, browser.subscription).status_code == 201
    refused = client_of(alice).post(URL, service.subscribe().subscription)
    assert refused.status_code == 400
    assert "Delete one" in refused.json()["errors"][0]["detail"]
    assert client_of(alice).post(URL, first.subscription).status_code == 200
    assert client_of(bob).post(URL, service.subscribe().subscription).status_code == 201


def test_the_list_has_pages_and_costs_the_same_for_many(
    alice: User, bob: User, client_of: ClientOf, service: PushService
) -> None:
    subscribe(bob, service.subscribe())

    def statements() -> int:
        with CaptureQueriesContext(connection) as queries:
            client_of(alice).get(URL)
        return len(queries)

    for _ in range(2):
        subscribe(alice, service.subscribe())
    few = statements()
    for _ in range(6):
        subscribe(alice, service.subscribe())
    assert statements() == few
    page = client_of(alice).get(URL, {"page_size": 5}).json()
    rest = client_of(alice).get(page["next"]).json()
    assert (len(page["results"]), len(rest["results"]), rest["next"]) == (5, 3, None)
    assert "p256dh_key" not in page["results"][0]


def test_unsubscribing(alice: User, client_of: ClientOf, service: PushService) -> None:
    row = subscribe(alice, service.subscribe())
    assert client_of(alice).delete(f"{URL}/{row.pk}").status_code == 204
    assert client_of(alice).delete(f"{URL}/{row.pk}").status_code == 404


def test_another_persons_browser_is_not_there(
    alice: User, bob: User, client_of: ClientOf, service: PushService
) -> None:
    row = subscribe(alice, service.subscribe())
    client = client_of(bob)
    assert client.delete(f"{URL}/{row.pk}").status_code == 404
    assert client.post(f"{URL}/{row.pk}/test").status_code == 404
    assert client.get(URL).json()["results"] == []
    assert PushSubscription.objects.exists()


@pytest.mark.parametrize("pk", ["x", "0", "9" * 30])
def test_an_id_that_is_none_is_not_there(alice: User, client_of: ClientOf, pk: str) -> None:
    assert client_of(alice).delete(f"{URL}/{pk}").status_code == 404


def test_a_subscription_is_not_edited_or_read_alone(
    alice: User, client_of: ClientOf, service: PushService
) -> None:
    row = subscribe(alice, service.subscribe())
    assert client_of(alice).patch(f"{URL}/{row.pk}", {}).status_code == 405
    assert client_of(alice).get(f"{URL}/{row.pk}").status_code == 405


@pytest.mark.django_db
def test_nothing_without_signing_in() -> None:
    assert APIClient().get(URL).status_code == 401
    assert APIClient().post(URL, {}).status_code == 401
    assert APIClient().get("/api/push/vapid-public-key").status_code == 401


# --- the public key -----------------------------------------------------------------------------------------


def test_the_public_key_is_what_a_browser_needs(alice: User, client_of: ClientOf) -> None:
    response = client_of(alice).get("/api/push/vapid-public-key")
    assert response.json() == {"public_key": vapid.public_key()}
    assert len(response.json()["public_key"]) == 87


@pytest.mark.parametrize("key", ["", "nonsense"])
def test_without_a_key_it_says_so(alice: User, client_of: ClientOf, settings: Settings, key: str) -> None:
    settings.VAPID_PRIVATE_KEY = key
    client = client_of(alice)
    client.raise_request_exception = False
    response = client.get("/api/push/vapid-public-key")
    assert response.status_code == 503
    assert response.json()["errors"][0]["code"] == "push_not_configured"
