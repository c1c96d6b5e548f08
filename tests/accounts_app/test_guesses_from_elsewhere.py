"""Guesses of a password from many addresses: few pass, and the owner is never locked out."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings as project
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings
from redis import Redis
from rest_framework.test import APIClient

from accounts_app.known_addresses import purge_known_addresses
from accounts_app.models import KnownAddress, User
from state_store.cache import CountingCache
from state_store.pause import Pause
from tests.accounts_app.conftest import error_of, sign_in
from tests.conftest import PASSWORD

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]

HOME = "198.51.100.7"
WRONG = "not the password"


@pytest.fixture(autouse=True)
def store(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setattr(CountingCache, "pause", Pause())
    settings.THROTTLE_RATES = settings.THROTTLE_RATES | {"sign_in_from_elsewhere": "3/h"}
    with Redis.from_url(settings.REDIS_URL, decode_responses=True) as store:
        for key in store.scan_iter("todo-app::throttle::*"):
            store.delete(key)
        yield store


def at(address: str) -> APIClient:
    return APIClient(REMOTE_ADDR=address)


def guess(number: int, email: str = "alice@example.test") -> Any:
    """A guess from an address of its own."""
    return sign_in(at(f"192.0.2.{number}"), email, WRONG)


def let_the_place_be_free(store: Any) -> None:
    """As if its seconds had passed, which Redis counts by its own clock."""
    for key in store.scan_iter("todo-app::throttle::*-place"):
        store.delete(key)


@pytest.mark.parametrize("email", ["alice@example.test", "no-one@example.test"])
def test_few_pass_and_then_one_at_a_time(alice: User, store: Any, email: str) -> None:
    assert [guess(number, email).status_code for number in range(3)] == [401, 401, 401]
    assert guess(4, email).status_code == 401  # it takes the place
    refused = guess(5, email.upper())
    assert error_of(refused, 429) == (None, "throttled")
    assert refused.headers["Retry-After"] == "1"
    assert guess(6, "bob@example.test").status_code == 401
    let_the_place_be_free(store)
    assert guess(7, email).status_code == 401
    assert int(guess(8, email).headers["Retry-After"]) in (3, 4)
    for number in range(9, 30):
        guess(number, email)
    let_the_place_be_free(store)
    assert guess(30, email).status_code == 401
    assert int(guess(31, email).headers["Retry-After"]) in (29, 30)


def test_an_address_that_has_signed_in_is_let_in(alice: User, clock: Any) -> None:
    assert sign_in(at(HOME), "Alice@example.test").status_code == 200
    for number in range(20):
        guess(number)
    assert guess(21).status_code == 429
    assert sign_in(at(HOME), "alice@example.test").status_code == 200
    assert sign_in(at(HOME), "alice@example.test", WRONG).status_code == 401
    assert sign_in(at(HOME), "bob@example.test", WRONG).status_code == 401
    clock.shift(timedelta(days=90))
    for number in range(20):
        guess(number)
    assert sign_in(at(HOME), "alice@example.test").status_code == 429


def test_only_a_sign_in_makes_an_address_known(alice: User) -> None:
    sign_in(at(HOME), "alice@example.test", WRONG)
    assert not KnownAddress.objects.exists()
    sign_in(at(HOME), "alice@example.test")
    sign_in(at(HOME), "alice@example.test")
    known = KnownAddress.objects.get()
    assert (known.user, known.signed_in_at) == (alice, timezone.now())
    assert HOME not in known.digest


def test_the_same_statements_run_for_an_address_that_no_one_has(alice: User) -> None:
    found = []
    for email in ("alice@example.test", "no-one@example.test"):
        for number in range(6):
            guess(number, email)
        with CaptureQueriesContext(connection) as queries:
            guess(7, email)
        found.append([query["sql"].split()[0] for query in queries])
    assert found[0] == found[1]


def test_another_secret_key_keeps_the_addresses_known(alice: User, settings: Settings) -> None:
    sign_in(at(HOME), "alice@example.test")
    settings.SECRET_KEY_FALLBACKS = [project.SECRET_KEY]
    settings.SECRET_KEY = "another-secret-key-of-more-than-fifty-characters-in-all"
    for number in range(20):
        guess(number)
    assert sign_in(at(HOME), "alice@example.test").status_code == 200


def test_the_admins_sign_in_counts_together_with_it(alice: User) -> None:
    User.objects.filter(pk=alice.pk).update(is_staff=True)

    def sign_in_to_admin(address: str) -> Any:
        credentials = {"username": "alice@example.test", "password": PASSWORD}
        return Client(REMOTE_ADDR=address).post("/admin/login/?next=/admin/", credentials)

    assert sign_in_to_admin(HOME).status_code == 302
    for number in range(20):
        guess(number)
    assert "Too many attempts. Try again in" in sign_in_to_admin("203.0.113.9").text
    assert sign_in_to_admin(HOME).status_code == 302


def test_one_address_alone_takes_no_place_of_others(alice: User, settings: Settings) -> None:
    """What another limit refuses does not count here."""
    settings.THROTTLE_RATES = settings.THROTTLE_RATES | {"sign_in_by_address": "2/min"}
    answers = [sign_in(at("192.0.2.1"), "alice@example.test", WRONG).status_code for _ in range(20)]
    assert answers == [401, 401, *[429] * 18]
    assert sign_in(at("203.0.113.9"), "alice@example.test").status_code == 200


def test_without_the_store_everyone_is_let_in(alice: User, settings: Settings) -> None:
    away = project.CACHES["throttles"] | {"LOCATION": ["redis://127.0.0.1:1/0"]}
    settings.CACHES = project.CACHES | {"throttles": away}
    assert {guess(number).status_code for number in range(6)} == {401}


def test_addresses_not_used_for_long_are_purged(alice: User, clock: Any) -> None:
    sign_in(at(HOME), "alice@example.test")
    clock.shift(timedelta(days=89))
    sign_in(at("203.0.113.9"), "alice@example.test")
    clock.shift(timedelta(days=1))
    assert purge_known_addresses() == 1
    assert KnownAddress.objects.count() == 1
