"""Two passwords are hashed at once in a process; and what is too long is never hashed."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Semaphore

import pytest
from django.contrib.auth.hashers import MD5PasswordHasher
from django.db import connection
from django.test import Client
from pytest_django import Settings
from rest_framework.test import APIClient

from accounts_app import hashing
from accounts_app.models import User
from tests.accounts_app.conftest import error_of, sign_in
from tests.conftest import PASSWORD

ClientOf = Callable[[User], APIClient]


class SlowHasher(MD5PasswordHasher):
    """Each hash of a sign-in begins, and ends when the test lets it."""

    algorithm = "slow"
    begun = Semaphore(0)
    go_on = Event()
    hashed = 0

    def encode(self, password: str, salt: str) -> str:
        type(self).hashed += 1
        self.begun.release()
        assert self.go_on.wait(60)
        return super().encode(password, salt)


@pytest.fixture
def slow(settings: Settings) -> Iterator[type[SlowHasher]]:
    settings.PASSWORD_HASHERS = [f"{__name__}.SlowHasher", "django.contrib.auth.hashers.MD5PasswordHasher"]
    SlowHasher.begun, SlowHasher.go_on, SlowHasher.hashed = Semaphore(0), Event(), 0
    yield SlowHasher
    SlowHasher.go_on.set()


def in_a_thread(email: str) -> int:
    try:
        status: int = sign_in(APIClient(), email).status_code
        return status
    finally:
        connection.close()


@pytest.mark.django_db(transaction=True)
def test_two_are_hashed_at_once_and_others_are_answered(
    slow: type[SlowHasher], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hashing, "WAIT_SECONDS", 0.05)
    with ThreadPoolExecutor(2) as pool:
        hashing_now = [pool.submit(in_a_thread, f"{number}@example.test") for number in range(2)]
        assert all(slow.begun.acquire(timeout=60) for _ in range(2))
        assert not User.objects.create_user(None).has_usable_password()  # needs no hash, and waits for none
        refused = sign_in(APIClient(), "alice@example.test")
        assert error_of(refused, 429) == (None, "too_busy")
        assert refused.headers["Retry-After"] == "1"
        body = {"email": "bob@example.test", "password": PASSWORD}
        assert error_of(APIClient().post("/api/auth/register", body), 429) == (None, "too_busy")
        page = Client().post("/admin/login/", {"username": "alice@example.test", "password": PASSWORD})
        assert "Too many attempts. Try again in 1 s." in page.text
        slow.go_on.set()
        assert [one.result(60) for one in hashing_now] == [401, 401]
    assert sign_in(APIClient(), "alice@example.test").status_code == 401


@pytest.mark.django_db(transaction=True)
def test_one_more_waits_for_its_turn(slow: type[SlowHasher], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hashing, "WAIT_SECONDS", 60)
    with ThreadPoolExecutor(3) as pool:
        signing_in = [pool.submit(in_a_thread, f"{number}@example.test") for number in range(3)]
        assert all(slow.begun.acquire(timeout=60) for _ in range(2))
        slow.go_on.set()
        assert [one.result(60) for one in signing_in] == [401, 401, 401]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("email", "password", "field"),
    [
        ("a" * 250 + "@e.test", PASSWORD, "email"),
        ("a" * 900_000, PASSWORD, "email"),
        ("alice@example.test", "x" * 1025, "password"),
        ("alice@example.test", "x" * 900_000, "password"),
    ],
)
@pytest.mark.parametrize("route", ["/api/auth/token", "/api/auth/register"])
def test_what_is_too_long_is_refused_before_it_is_hashed(
    slow: type[SlowHasher], route: str, email: str, password: str, field: str
) -> None:
    answer = APIClient().post(route, {"email": email, "password": password})
    assert (answer.status_code, slow.hashed) == (400, 0)
    assert (field, "max_length") in {(error["attr"], error["code"]) for error in answer.json()["errors"]}


@pytest.mark.django_db
def test_every_other_form_that_takes_a_password_is_bounded(
    alice: User, client_of: ClientOf, slow: type[SlowHasher]
) -> None:
    password = "x" * 1025
    change = client_of(alice).post(
        "/api/auth/password/change", {"current_password": password, "new_password": password}
    )
    assert [error["code"] for error in change.json()["errors"]] == ["max_length", "max_length"]
    uid = {"uid": str(alice.pk), "token": "x"}
    assert error_of(
        APIClient().post("/api/auth/password/reset/confirm", uid | {"password": password}), 400
    ) == ("password", "max_length")
    page = Client().post("/admin/login/", {"username": "alice@example.test", "password": password})
    assert "Please enter the correct" in page.text
    assert slow.hashed == 0
    assert not alice.check_password(password)
    with pytest.raises(ValueError, match="at most 1024"):
        alice.set_password(password)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("route", "field"),
    [
        ("/api/auth/email/confirm", "token"),
        ("/api/auth/password/reset", "email"),
    ],
)
def test_tokens_and_addresses_are_bounded(route: str, field: str) -> None:
    answer = APIClient().post(route, {field: "x" * 1_000_000})
    assert answer.status_code == 400
    assert (field, "max_length") in {(error["attr"], error["code"]) for error in answer.json()["errors"]}


@pytest.mark.django_db
def test_the_longest_password_works(anyone: APIClient) -> None:
    User.objects.create_user("dora@example.test", "é" * 1024)
    assert sign_in(anyone, "dora@example.test", "é" * 1024).status_code == 200
