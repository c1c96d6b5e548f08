from datetime import timedelta
from typing import Any
from unittest.mock import ANY

import pytest
import time_machine
from django.contrib.auth import hashers
from django.utils import timezone
from rest_framework.test import APIClient
from rest_framework_simplejwt.tokens import AccessToken

from accounts_app.api_tokens import create_api_token
from accounts_app.models import ApiToken, User
from sync_app.access import grant_by_header
from tests.accounts_app.conftest import Tokens, error_of, sign_in, who_am_i

pytestmark = pytest.mark.django_db


def refresh(client: APIClient, token: str) -> Any:
    return client.post("/api/auth/token/refresh", {"refresh": token})


def sign_out(client: APIClient, token: str) -> Any:
    return client.post("/api/auth/logout", {"refresh": token})


def test_a_sign_in_gives_two_tokens(alice: User, anyone: APIClient) -> None:
    answer = sign_in(anyone, "alice@example.test")
    assert answer.status_code == 200
    assert answer.json() == {"access": ANY, "refresh": ANY}
    assert who_am_i(anyone, answer.json()["access"]).json()["id"] == str(alice.pk)


def test_the_case_of_the_address_does_not_matter(alice: User, anyone: APIClient) -> None:
    assert sign_in(anyone, "ALICE@Example.Test").status_code == 200


@pytest.mark.parametrize(
    ("email", "password"),
    [
        ("alice@example.test", "wrong"),
        ("alice@example.test", "CORRECT HORSE BATTERY STAPLE"),
        ("nobody@example.test", "correct horse battery staple"),
        ("%", "correct horse battery staple"),
        ("not an address", "x" * 1_024),
    ],
)
def test_a_wrong_address_and_a_wrong_password_are_answered_alike(
    alice: User, anyone: APIClient, email: str, password: str
) -> None:
    answer = sign_in(anyone, email, password)
    assert error_of(answer, 401) == (None, "no_active_account")
    assert answer.json()["errors"][0]["detail"] == "No active account has this email address and password."
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="api"'


def test_an_unknown_address_costs_as_many_hashes_as_a_known_one(
    alice: User, anyone: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed: list[str] = []
    encode = hashers.MD5PasswordHasher.encode

    def counted(self: Any, password: str, salt: str) -> str:
        hashed.append(password)
        return encode(self, password, salt)

    monkeypatch.setattr(hashers.MD5PasswordHasher, "encode", counted)
    User.objects.create_user("outside@example.test")  # without a password
    User.objects.create_user("closed@example.test", "x" * 20, is_active=False)
    for password, forms in (("wrong password", 1), ("wrong pass\u0065\u0301", 2)):
        costs = []
        for name in ("alice", "no-one", "outside", "closed"):
            hashed.clear()
            sign_in(anyone, f"{name}@example.test", password)
            costs.append(len(hashed))
        assert costs == [forms] * 4


@pytest.mark.parametrize("body", [{}, {"email": "alice@example.test"}, {"password": "x"}])
def test_a_sign_in_without_its_fields_names_them(anyone: APIClient, body: dict[str, str]) -> None:
    answer = anyone.post("/api/auth/token", body)
    assert answer.status_code == 400
    missing = {"email", "password"} - set(body)
    assert {(error["attr"], error["code"]) for error in answer.json()["errors"]} == {
        (name, "required") for name in missing
    }


def test_a_sign_in_takes_nothing_else(alice: User, anyone: APIClient) -> None:
    body = {"email": "alice@example.test", "password": "x", "username": "alice"}
    assert error_of(anyone.post("/api/auth/token", body), 400) == ("username", "unknown_field")


def test_a_user_without_password_cannot_sign_in_with_one(anyone: APIClient) -> None:
    User.objects.create_user("outside@example.test")
    assert error_of(sign_in(anyone, "outside@example.test", ""), 400) == ("password", "blank")
    assert error_of(sign_in(anyone, "outside@example.test", "!"), 401) == (None, "no_active_account")


def test_a_refresh_token_is_good_once(hers: Tokens, anyone: APIClient) -> None:
    answer = refresh(anyone, hers["refresh"])
    assert answer.status_code == 200
    assert answer.json() == {"access": ANY, "refresh": ANY}
    assert who_am_i(anyone, answer.json()["access"]).status_code == 200
    assert refresh(anyone, answer.json()["refresh"]).status_code == 200
    assert error_of(refresh(anyone, hers["refresh"]), 401) == (None, "token_not_valid")


@pytest.mark.parametrize("token", ["x", "a.b.c", "x" * 100_000, "é.é.é"])
def test_what_is_no_token_is_refused(anyone: APIClient, token: str) -> None:
    assert error_of(refresh(anyone, token), 401) == (None, "token_not_valid")
    assert error_of(sign_out(anyone, token), 401) == (None, "token_not_valid")


@pytest.mark.parametrize(
    "header", ["Bearer x", "Bearer a.b.c", "Bearer \xff\xfe.b.c", "Bearer " + "x" * 5000]
)
def test_what_is_no_access_token_is_refused(anyone: APIClient, header: str) -> None:
    answer = anyone.get("/api/me", headers={"Authorization": header})
    assert error_of(answer, 401) == (None, "token_not_valid")
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="api"'


@pytest.mark.parametrize("scheme", ["bearer", "BEARER", "bEaReR"])
def test_the_scheme_of_the_header_has_no_case(
    alice: User, hers: Tokens, anyone: APIClient, scheme: str
) -> None:
    """RFC 9110, 11.1; for API tokens too, and for the stream, which authenticates by the same class."""
    _, secret = create_api_token(alice, name="watch", scopes=[ApiToken.Scope.READ], expires_at=None)
    for token in (hers["access"], secret):
        header = f"{scheme} {token}"
        assert anyone.get("/api/me", headers={"Authorization": header}).status_code == 200
        assert grant_by_header(header).user_id == alice.pk


@pytest.mark.parametrize("header", ["Bearer", "bearer", "Bearer a b", "bearer a b"])
def test_a_header_that_is_not_bearer_and_a_token(anyone: APIClient, header: str) -> None:
    answer = anyone.get("/api/me", headers={"Authorization": header})
    assert error_of(answer, 401) == (None, "bad_authorization_header")


@pytest.mark.parametrize("header", [None, "", "Basic YTpi"])
def test_without_a_token_no_one_is_signed_in(anyone: APIClient, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header}
    assert error_of(anyone.get("/api/me", headers=headers), 401) == (None, "not_authenticated")


def test_each_token_is_good_for_its_own_purpose_only(hers: Tokens, anyone: APIClient) -> None:
    assert error_of(who_am_i(anyone, hers["refresh"]), 401) == (None, "token_not_valid")
    assert error_of(refresh(anyone, hers["access"]), 401) == (None, "token_not_valid")


def test_tokens_end(alice: User, anyone: APIClient) -> None:
    with time_machine.travel(timezone.now(), tick=False) as clock:
        tokens = sign_in(anyone, "alice@example.test").json()
        clock.shift(timedelta(minutes=14, seconds=59))
        assert who_am_i(anyone, tokens["access"]).status_code == 200
        clock.shift(timedelta(seconds=1))
        assert error_of(who_am_i(anyone, tokens["access"]), 401) == (None, "token_not_valid")
        clock.shift(timedelta(days=30))
        assert error_of(refresh(anyone, tokens["refresh"]), 401) == (None, "token_not_valid")


def test_a_refreshed_token_has_its_whole_time_again(alice: User, anyone: APIClient) -> None:
    with time_machine.travel(timezone.now(), tick=False) as clock:
        tokens = sign_in(anyone, "alice@example.test").json()
        for _ in range(3):
            clock.shift(timedelta(days=29))
            tokens = refresh(anyone, tokens["refresh"]).json()
        assert who_am_i(anyone, tokens["access"]).status_code == 200


def test_after_signing_out_the_refresh_token_is_spent(hers: Tokens, anyone: APIClient) -> None:
    answer = sign_out(anyone, hers["refresh"])
    assert (answer.status_code, answer.content) == (204, b"")
    assert error_of(refresh(anyone, hers["refresh"]), 401) == (None, "token_not_valid")
    assert error_of(sign_out(anyone, hers["refresh"]), 401) == (None, "token_not_valid")


def test_signing_out_here_does_not_sign_out_there(hers: Tokens, anyone: APIClient) -> None:
    phone = sign_in(anyone, "alice@example.test").json()
    sign_out(anyone, hers["refresh"])
    assert refresh(anyone, phone["refresh"]).status_code == 200


def test_a_password_change_ends_every_token(alice: User, hers: Tokens, anyone: APIClient) -> None:
    alice.set_password("another horse battery staple")
    alice.save()
    assert error_of(who_am_i(anyone, hers["access"]), 401) == (None, "password_changed")
    assert error_of(refresh(anyone, hers["refresh"]), 401) == (None, "password_changed")
    assert sign_in(anyone, "alice@example.test", "another horse battery staple").status_code == 200


def test_a_disabled_users_tokens_stop_working(alice: User, hers: Tokens, anyone: APIClient) -> None:
    alice.is_active = False
    alice.save()
    assert error_of(who_am_i(anyone, hers["access"]), 401) == (None, "user_inactive")
    assert error_of(refresh(anyone, hers["refresh"]), 401) == (None, "user_inactive")
    assert error_of(sign_in(anyone, "alice@example.test"), 401) == (None, "no_active_account")


def test_a_deleted_users_tokens_stop_working(alice: User, hers: Tokens, anyone: APIClient) -> None:
    alice.delete()
    assert error_of(who_am_i(anyone, hers["access"]), 401) == (None, "user_not_found")
    assert error_of(refresh(anyone, hers["refresh"]), 401) == (None, "token_not_valid")
    assert error_of(sign_out(anyone, hers["refresh"]), 401) == (None, "token_not_valid")


def test_a_token_of_another_secret_is_refused(alice: User, anyone: APIClient) -> None:
    head, _, signature = str(AccessToken.for_user(alice)).rpartition(".")
    assert error_of(who_am_i(anyone, f"{head}.{signature[::-1]}"), 401) == (None, "token_not_valid")
