"""The throttles, counted by a real Valkey."""

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.conf import settings as project
from django.db import connection
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from pytest_django import Settings
from redis import Redis
from rest_framework.settings import api_settings
from rest_framework.test import APIClient
from rest_framework.throttling import BaseThrottle

from accounts_app.models import User
from http_app.throttling import ByAddress
from state_store.cache import CountingCache
from state_store.pause import Pause
from tests.accounts_app.conftest import error_of, sign_in
from tests.conftest import PASSWORD

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]

ClientOf = Callable[[User], APIClient]
WRONG = "not the password"


@pytest.fixture(autouse=True)
def fresh_store(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setattr(CountingCache, "pause", Pause())
    with Redis.from_url(settings.REDIS_URL, decode_responses=True) as store:
        for key in store.scan_iter("todo-app::throttle::*"):
            store.delete(key)
        yield store


def allow(settings: Settings, **rates: str) -> None:
    settings.THROTTLE_RATES = settings.THROTTLE_RATES | rates


def write(client: APIClient, title: str = "a task") -> Any:
    return client.post("/api/tasks", {"title": title})


def at(address: str, **headers: str) -> APIClient:
    client = APIClient(REMOTE_ADDR=address)
    client.credentials(**{f"HTTP_{name.upper()}": value for name, value in headers.items()})
    return client


def test_a_user_writes_so_often(alice: User, client_of: ClientOf, settings: Settings, clock: Any) -> None:
    allow(settings, writes="3/min")
    client = client_of(alice)
    clock.shift(18)
    assert [write(client).status_code for _ in range(3)] == [201, 201, 201]
    refused = write(client)
    assert error_of(refused, 429) == (None, "throttled")
    assert refused.headers["Retry-After"] == "42"
    assert refused.json()["errors"][0]["detail"] == "Too many requests. Try again in 42 s."
    clock.shift(41)
    assert write(client).headers["Retry-After"] == "1"
    clock.shift(1)
    assert write(client).status_code == 201


def test_reading_is_not_limited_nor_are_others(
    alice: User, bob: User, client_of: ClientOf, settings: Settings
) -> None:
    allow(settings, writes="1/min")
    client = client_of(alice)
    assert [write(client).status_code for _ in range(2)] == [201, 429]
    assert client.get("/api/tasks").status_code == 200
    assert client.options("/api/tasks").status_code == 200
    assert write(client_of(bob)).status_code == 201


def test_replays_and_mistakes_count_as_well(alice: User, client_of: ClientOf, settings: Settings) -> None:
    allow(settings, writes="3/min")
    client = client_of(alice)
    once = {"headers": {"Idempotency-Key": "once"}}
    assert client.post("/api/tasks", {"title": "one"}, **once).status_code == 201
    assert client.post("/api/tasks", {"title": "one"}, **once).headers["Idempotent-Replayed"] == "true"
    assert write(client, title="").status_code == 400
    assert client.post("/api/tasks", {"title": "one"}, **once).status_code == 429


def test_every_token_of_a_person_counts_together(
    alice: User, client_of: ClientOf, settings: Settings
) -> None:
    client = client_of(alice)
    token = client.post("/api/auth/api-tokens", {"name": "x", "scopes": ["write"]}).json()["token"]
    allow(settings, writes="1/min")
    assert write(client).status_code == 201
    assert write(at("192.0.2.1", authorization=f"Bearer {token}")).status_code == 429


def test_off_is_without_limit(alice: User, client_of: ClientOf, settings: Settings) -> None:
    settings.THROTTLE_RATES = dict.fromkeys(settings.THROTTLE_RATES)
    client = client_of(alice)
    assert {write(client).status_code for _ in range(20)} == {201}


def test_guesses_about_an_account_are_few_from_one_address(alice: User, settings: Settings) -> None:
    allow(settings, sign_in_by_account="2/h", sign_in_by_address="100/h")
    attacker = at("192.0.2.1")
    emails = ["alice@example.test", " ALICE@example.test", "alice@EXAMPLE.test"]
    assert [sign_in(attacker, email, WRONG).status_code for email in emails] == [401, 401, 429]
    assert sign_in(attacker, "alice@example.test").status_code == 429
    assert sign_in(attacker, "bob@example.test", WRONG).status_code == 401


def test_anyone_who_guesses_elsewhere_locks_no_one_out(alice: User, settings: Settings) -> None:
    allow(settings, sign_in_by_account="1/h", sign_in_by_address="1/h")
    assert [sign_in(at("192.0.2.1"), "alice@example.test", WRONG).status_code for _ in range(2)] == [401, 429]
    assert sign_in(at("198.51.100.7"), "alice@example.test").status_code == 200


def test_an_address_that_no_one_has_is_limited_alike(settings: Settings) -> None:
    allow(settings, sign_in_by_account="1/h")
    answers = [sign_in(at("192.0.2.1"), "nobody@example.test", WRONG).status_code for _ in range(2)]
    assert answers == [401, 429]


def test_many_accounts_from_one_address_are_limited(settings: Settings) -> None:
    allow(settings, sign_in_by_address="3/min")
    answers = [sign_in(at("192.0.2.1"), f"{i}@example.test", WRONG).status_code for i in range(4)]
    assert answers == [401, 401, 401, 429]


def ask(client: APIClient, **body: Any) -> int:
    status: int = client.post("/api/auth/password/reset", {"email": "alice@example.test"} | body).status_code
    return status


def test_mails_to_an_address_are_few_from_wherever(settings: Settings) -> None:
    allow(settings, mail_by_account="2/h")
    answers = [ask(at(f"192.0.2.{i}"), email=email) for i, email in enumerate(["a@e.test", "A@e.test "] * 2)]
    assert answers == [202, 202, 429, 429]
    assert ask(at("192.0.2.1"), email="bob@example.test") == 202


def test_what_is_refused_uses_up_no_ones_mails(settings: Settings) -> None:
    allow(settings, mail_by_account="1/h", mail_by_address="2/h")
    attacker = at("192.0.2.1")
    assert [ask(attacker, mistake=True) for _ in range(4)] == [400, 400, 429, 429]
    assert ask(attacker) == 429
    assert ask(at("198.51.100.7")) == 202


def test_no_ones_mailbox_is_filled_by_opening_and_closing_accounts(
    client_of: ClientOf, settings: Settings
) -> None:
    allow(settings, mail_by_account="2/h")
    body = {"email": "alice@example.test", "password": PASSWORD}
    for _ in range(2):
        assert APIClient().post("/api/auth/register", body).status_code == 201
        assert client_of(User.objects.with_email(body["email"]).get()).delete("/api/me").status_code == 202
    refused = APIClient().post("/api/auth/register", body)
    assert error_of(refused, 429) == (None, "throttled")
    assert refused.headers["Retry-After"] == "3600"
    assert not User.objects.with_email(body["email"]).exists()


def test_no_ones_mailbox_is_filled_by_sending_again(
    alice: User, client_of: ClientOf, settings: Settings
) -> None:
    allow(settings, mail_by_account="2/h")
    answers = [client_of(alice).post("/api/auth/email/confirm/resend").status_code for _ in range(3)]
    assert answers == [202, 202, 429]
    assert ask(APIClient()) == 202  # another kind of mail


def sign_in_to_admin(address: str, email: str, password: str = WRONG) -> Any:
    credentials = {"username": email, "password": password}
    return Client(REMOTE_ADDR=address).post("/admin/login/?next=/admin/", credentials)


def test_the_admins_sign_in_has_the_same_limits(alice: User, settings: Settings) -> None:
    User.objects.filter(pk=alice.pk).update(is_staff=True)
    allow(settings, sign_in_by_account="2/h")
    assert sign_in(at("192.0.2.1"), "alice@example.test", WRONG).status_code == 401
    assert "Too many attempts" not in sign_in_to_admin("192.0.2.1", "Alice@example.test").text
    refused = sign_in_to_admin("192.0.2.1", "alice@example.test", PASSWORD)
    assert refused.status_code == 200
    assert "Too many attempts. Try again in 3600 s." in refused.text
    assert sign_in_to_admin("198.51.100.7", "alice@example.test", PASSWORD).status_code == 302


def test_the_admins_sign_in_is_limited_by_address(settings: Settings) -> None:
    allow(settings, sign_in_by_address="1/min")
    answers = [sign_in_to_admin("192.0.2.1", f"{i}@example.test").text for i in range(2)]
    assert ["Too many attempts" in text for text in answers] == [False, True]


@pytest.mark.parametrize(
    "body", [{}, {"email": None}, {"email": 7}, {"email": ["a"]}, {"email": {"a": "\0"}}]
)
def test_odd_bodies_are_a_400(settings: Settings, body: dict[str, Any]) -> None:
    allow(settings, sign_in_by_account="9/h")
    assert APIClient().post("/api/auth/token", body).status_code == 400


@pytest.mark.parametrize("body", ["", "{", "[]", '"text"', '{"email": "\\ud800", "password": "x"}'])
def test_broken_bodies_are_a_400(settings: Settings, body: str) -> None:
    allow(settings, sign_in_by_account="9/h")
    answer = APIClient().post("/api/auth/token", body, content_type="application/json")
    assert answer.status_code == 400


@pytest.mark.parametrize(
    ("scope", "path"),
    [
        ("sign_up", "/api/auth/register"),
        ("refresh", "/api/auth/token/refresh"),
        ("refresh", "/api/auth/logout"),
    ],
)
def test_other_open_routes_are_limited_by_address(settings: Settings, scope: str, path: str) -> None:
    allow(settings, **{scope: "2/h"})
    client = at("192.0.2.1")
    assert [client.post(path, {"refresh": "x"}).status_code == 429 for _ in range(3)] == [False, False, True]
    assert at("192.0.2.2").post(path, {}).status_code == 400


@pytest.mark.parametrize(
    ("proxies", "forwarded", "counted_as"),
    [
        (0, "203.0.113.9", "192.0.2.1"),  # anyone can write the header
        (1, "203.0.113.9", "203.0.113.9"),
        (1, "6.6.6.6, 203.0.113.9", "203.0.113.9"),
        (2, "6.6.6.6, 203.0.113.9, 10.0.0.1", "203.0.113.9"),
        (1, "not an address", "not an address"),
        (1, "2001:db8:1:2:aaaa::1", "2001:db8:1:2::/64"),
        (1, "2001:db8:1:2:bbbb::2", "2001:db8:1:2::/64"),
        (1, "2001:db8:1:3::1", "2001:db8:1:3::/64"),
        (1, "::ffff:203.0.113.9", "203.0.113.9"),
        (1, "fe80::1%eth0", "fe80::/64"),
    ],
)
def test_where_a_request_comes_from(
    settings: Settings, proxies: int, forwarded: str, counted_as: str, rf: Any
) -> None:
    settings.REST_FRAMEWORK = project.REST_FRAMEWORK | {"NUM_PROXIES": proxies}
    request = rf.get("/", REMOTE_ADDR="192.0.2.1", headers={"X-Forwarded-For": forwarded})
    assert ByAddress().address(request) == counted_as


def test_the_store_learns_no_address_of_anyone(settings: Settings, fresh_store: Any) -> None:
    allow(settings, sign_in_by_account="9/h", sign_in_by_address="9/min")
    sign_in(at("192.0.2.1"), "alice@example.test", WRONG)
    keys = list(fresh_store.scan_iter("todo-app::throttle::*"))
    assert len(keys) == 2
    assert [key for key in keys if "alice" in key or "192.0.2.1" in key] == []
    assert all(0 < fresh_store.ttl(key) <= 3600 for key in keys)


def test_without_the_store_everybody_is_let_in(alice: User, client_of: ClientOf, settings: Settings) -> None:
    allow(settings, writes="1/min")
    away = project.CACHES["throttles"] | {"LOCATION": ["redis://127.0.0.1:1/0"]}
    settings.CACHES = project.CACHES | {"throttles": away}
    client = client_of(alice)
    assert {write(client).status_code for _ in range(5)} == {201}


@pytest.mark.django_db(transaction=True)
def test_simultaneous_requests_do_not_pass_the_limit(settings: Settings) -> None:
    allow(settings, sign_in_by_address="5/min")

    def attempt(number: int) -> str:
        try:
            answer = sign_in(at("192.0.2.1"), f"{number}@example.test", WRONG)
            return str(answer.json()["errors"][0]["code"])
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        codes = Counter(pool.map(attempt, range(12)))
    assert codes.pop("throttled") == 7
    # Of those that the limit allows, a few may come while two passwords are being checked.
    assert set(codes) <= {"no_active_account", "too_busy"}


def views(patterns: list[URLPattern | URLResolver]) -> Iterator[Any]:
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            yield from views(pattern.url_patterns)
        elif hasattr(pattern.callback, "cls"):
            yield pattern.callback.cls


def test_every_route_that_takes_something_from_anyone_is_limited_by_address() -> None:
    default: list[type[BaseThrottle]] = api_settings.DEFAULT_THROTTLE_CLASSES
    taking = [view for view in views(get_resolver().url_patterns) if not view.authentication_classes]
    taking = [view for view in taking if hasattr(view, "post")]
    assert {"SignInView", "RegisterView", "RefreshView", "SignOutView"} <= {view.__name__ for view in taking}
    unlimited = [view for view in taking if not any(issubclass(t, ByAddress) for t in view.throttle_classes)]
    assert [view.__name__ for view in unlimited] == []
    assert not any(issubclass(throttle, ByAddress) for throttle in default)
