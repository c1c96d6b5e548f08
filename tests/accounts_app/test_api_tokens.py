from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from hashlib import sha256
from typing import Any
from unittest.mock import ANY

import pytest
import time_machine
from django.contrib.auth.tokens import default_token_generator
from django.db import connection
from django.utils import timezone
from rest_framework.test import APIClient

from accounts_app import erasure
from accounts_app.api_tokens import MAX_PER_USER
from accounts_app.models import ApiToken, User
from http_app.models import IdempotencyKey
from tests.accounts_app.conftest import error_of

pytestmark = pytest.mark.django_db

ClientOf = Callable[[User], APIClient]
TOKENS = "/api/auth/api-tokens"
BOTH = ["read", "write"]


def make(client: APIClient, **data: Any) -> dict[str, Any]:
    answer = client.post(TOKENS, {"name": "script", "scopes": BOTH} | data)
    assert answer.status_code == 201, answer.content
    made: dict[str, Any] = answer.json()
    return made


def with_token(token: str) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
    return client


@pytest.fixture
def hers(alice: User, client_of: ClientOf) -> APIClient:
    return client_of(alice)


@pytest.fixture
def program(hers: APIClient) -> APIClient:
    """A program with a token of alice that has both scopes."""
    return with_token(make(hers)["token"])


def test_a_token_is_made_and_its_secret_shown_once(alice: User, hers: APIClient) -> None:
    made = make(hers, name="backup", scopes=["write", "read"])
    shown = {
        "id": ANY,
        "name": "backup",
        "scopes": ["read", "write"],
        "expires_at": None,
        "last_used_at": None,
        "created_at": ANY,
    }
    assert made == shown | {"token": ANY}
    assert made["token"].startswith("todo_pat_")
    assert hers.get(TOKENS).json()["results"] == [shown]
    assert ApiToken.objects.get().digest == sha256(made["token"].encode()).hexdigest()


def test_no_two_secrets_are_alike(hers: APIClient) -> None:
    secrets = {make(hers)["token"] for _ in range(10)}
    assert len(secrets) == 10
    assert {len(secret) for secret in secrets} == {len("todo_pat_") + 64}


def test_a_token_stands_for_its_person(alice: User, program: APIClient) -> None:
    assert program.get("/api/me").json()["id"] == str(alice.pk)
    assert program.post("/api/tasks", {"title": "by a program"}).status_code == 201
    assert program.get("/api/tasks").json()["results"][0]["title"] == "by a program"


@pytest.mark.parametrize(
    ("scopes", "method", "lacking"),
    [
        (["read"], "post", "write"),
        (["write"], "get", "read"),
        (["write"], "head", "read"),
        (["write"], "options", "read"),
    ],
)
def test_a_missing_scope_is_named(hers: APIClient, scopes: list[str], method: str, lacking: str) -> None:
    client = with_token(make(hers, scopes=scopes)["token"])
    answer = getattr(client, method)("/api/tasks", {"title": "new"})
    assert answer.status_code == 403
    if method != "head":
        assert error_of(answer, 403) == (None, "scope_missing")
        assert f"`{lacking}`" in answer.json()["errors"][0]["detail"]


@pytest.mark.parametrize(("scopes", "method", "status"), [(["read"], "get", 200), (["write"], "post", 201)])
def test_a_scope_is_enough_for_its_own(hers: APIClient, scopes: list[str], method: str, status: int) -> None:
    client = with_token(make(hers, scopes=scopes)["token"])
    body = {"title": "new"} if method == "post" else {}
    assert getattr(client, method)("/api/tasks", body).status_code == status


@pytest.mark.parametrize(("method", "path"), [("get", TOKENS), ("post", TOKENS), ("delete", f"{TOKENS}/1")])
def test_a_token_makes_and_ends_no_tokens(program: APIClient, method: str, path: str) -> None:
    answer = getattr(program, method)(path)
    assert error_of(answer, 403) == (None, "api_token_refused")
    assert ApiToken.objects.count() == 1


@pytest.mark.parametrize(
    ("data", "field", "code"),
    [
        ({"name": ""}, "name", "blank"),
        ({"name": "x" * 101}, "name", "max_length"),
        ({"name": "a\0b"}, "name", "null_characters_not_allowed"),
        ({"scopes": []}, "scopes", "empty"),
        ({"scopes": ["admin"]}, "scopes.0", "invalid_choice"),
        ({"scopes": ["read", "read"]}, "scopes", "repeated"),
        ({"scopes": "read"}, "scopes", "invalid"),
        ({"scopes": None}, "scopes", "null"),
        ({"expires_at": "2001-01-01T00:00:00Z"}, "expires_at", "past"),
        ({"expires_at": "2030-05-01"}, "expires_at", "naive"),
        ({"expires_at": "2030-05-01T09:00:00"}, "expires_at", "naive"),
        ({"expires_at": "tomorrow"}, "expires_at", "invalid"),
        ({"token": "todo_pat_mine"}, "token", "unknown_field"),
        ({"digest": "0" * 64}, "digest", "unknown_field"),
        ({"user": 1}, "user", "unknown_field"),
        ({"last_used_at": None}, "last_used_at", "read_only"),
    ],
)
def test_bad_input_is_named(hers: APIClient, data: dict[str, Any], field: str, code: str) -> None:
    answer = hers.post(TOKENS, {"name": "script", "scopes": BOTH} | data)
    assert error_of(answer, 400) == (field, code)
    assert not ApiToken.objects.exists()


def test_a_token_ends(hers: APIClient) -> None:
    with time_machine.travel(timezone.now(), tick=False) as clock:
        made = make(hers, expires_at=(timezone.now() + timedelta(hours=1)).isoformat())
        client = with_token(made["token"])
        clock.shift(timedelta(minutes=59, seconds=59))
        assert client.get("/api/me").status_code == 200
        clock.shift(timedelta(seconds=1))
        answer = client.get("/api/me")
    assert error_of(answer, 401) == (None, "api_token_expired")
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="api"'


def test_a_deleted_token_is_refused_at_once(hers: APIClient) -> None:
    made = make(hers)
    client = with_token(made["token"])
    assert client.get("/api/me").status_code == 200
    assert hers.delete(f"{TOKENS}/{made['id']}").status_code == 204
    assert error_of(client.get("/api/me"), 401) == (None, "api_token_not_found")
    assert error_of(hers.delete(f"{TOKENS}/{made['id']}"), 404) == (None, "not_found")


@pytest.mark.parametrize(
    "token",
    [
        "todo_pat_",
        "todo_pat_" + "0" * 64,
        "todo_pat_" + "A" * 64,
        "todo_pat_" + "0" * 63 + "\xe9",
        "todo_pat_" + "0" * 100_000,
    ],
)
def test_what_is_no_token_is_refused(token: str) -> None:
    assert error_of(with_token(token).get("/api/me"), 401) == (None, "api_token_not_found")


def test_a_malformed_token_costs_no_query(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        with_token("todo_pat_x").get("/api/me")


def test_a_disabled_users_token_is_refused(alice: User, program: APIClient) -> None:
    alice.is_active = False
    alice.save()
    assert error_of(program.get("/api/me"), 401) == (None, "user_inactive")


def test_anothers_tokens_cannot_be_reached(bob: User, hers: APIClient, client_of: ClientOf) -> None:
    made = make(hers)
    his = client_of(bob)
    assert his.get(TOKENS).json()["results"] == []
    assert error_of(his.delete(f"{TOKENS}/{made['id']}"), 404) == (None, "not_found")
    assert with_token(made["token"]).get("/api/me").status_code == 200


def test_the_secret_is_kept_nowhere(hers: APIClient) -> None:
    answer = hers.post(TOKENS, {"name": "x", "scopes": BOTH}, headers={"Idempotency-Key": "once"})
    assert answer.status_code == 201
    assert not IdempotencyKey.objects.exists()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM api_tokens t WHERE t::text LIKE %s", [f"%{answer.json()['token'][9:]}%"]
        )
        assert cursor.fetchone() == (0,)


def test_the_last_use_is_noted_once_a_minute(program: APIClient, django_assert_num_queries: Any) -> None:
    with time_machine.travel(timezone.now(), tick=False) as clock:
        first = timezone.now()
        with django_assert_num_queries(3):  # the token with its user, then its use; whether there is a device
            program.get("/api/me")
        clock.shift(timedelta(seconds=59))
        with django_assert_num_queries(2):
            program.get("/api/me")
        assert ApiToken.objects.get().last_used_at == first
        clock.shift(timedelta(seconds=1))
        program.get("/api/me")
        assert ApiToken.objects.get().last_used_at == timezone.now()


@pytest.mark.django_db(transaction=True)
def test_the_use_is_noted_also_when_the_request_is_taken_back(program: APIClient) -> None:
    assert program.post("/api/tasks", {"title": ""}).status_code == 400
    assert ApiToken.objects.get().last_used_at is not None


def test_the_list_asks_as_often_for_twenty_as_for_one(
    alice: User, hers: APIClient, django_assert_num_queries: Any
) -> None:
    make(hers)
    for size in (1, 20):
        while ApiToken.objects.count() < size:
            make(hers)
        with django_assert_num_queries(1):
            assert len(hers.get(TOKENS).json()["results"]) == size
    page = hers.get(TOKENS, {"page_size": 7}).json()
    assert len(page["results"]) == 7
    assert len(hers.get(page["next"]).json()["results"]) == 7


def test_a_person_has_so_many_at_most(alice: User, bob: User, hers: APIClient, client_of: ClientOf) -> None:
    fill(alice, MAX_PER_USER)
    answer = hers.post(TOKENS, {"name": "one more", "scopes": BOTH})
    assert error_of(answer, 409) == (None, "too_many_api_tokens")
    make(client_of(bob))
    hers.delete(f"{TOKENS}/{ApiToken.objects.filter(user=alice).first().pk}")  # type: ignore[union-attr]
    make(hers)


def test_who_lost_the_account_meanwhile_makes_no_token(
    alice: User, bob: User, anyone: APIClient, client_of: ClientOf
) -> None:
    """The request was authenticated before; otherwise its token would outlive the reset or the closing."""
    in_flight = [client_of(User.objects.get(pk=user.pk)) for user in (alice, bob)]
    code = {"uid": alice.pk, "token": default_token_generator.make_token(alice), "password": "new horse, hay"}
    assert anyone.post("/api/auth/password/reset/confirm", code).status_code == 204
    erasure.close_account(bob)
    for client in in_flight:
        answer = client.post(TOKENS, {"name": "one more", "scopes": BOTH})
        assert error_of(answer, 401) == (None, "password_changed")
    assert not ApiToken.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_simultaneous_requests_do_not_pass_the_limit(alice: User, client_of: ClientOf) -> None:
    fill(alice, MAX_PER_USER - 1)

    def attempt(_: int) -> int:
        try:
            status: int = client_of(alice).post(TOKENS, {"name": "x", "scopes": BOTH}).status_code
            return status
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(attempt, range(4))) == [201, 409, 409, 409]


def fill(user: User, count: int) -> None:
    ApiToken.objects.bulk_create(
        ApiToken(user=user, name=f"token {i}", scopes=BOTH, digest=f"{i:064}") for i in range(count)
    )
