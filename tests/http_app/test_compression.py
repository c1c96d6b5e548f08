"""Answers are compressed for clients that ask for it, except those that carry a secret."""

import gzip
from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts_app.models import User
from tasks_app.services import create_task
from tests.conftest import PASSWORD

pytestmark = pytest.mark.django_db

ClientOf = Callable[[User], APIClient]
ASKS = {"Accept-Encoding": "gzip, deflate, br"}


def names(header: str) -> set[str]:
    return {name.strip().lower() for name in header.split(",")}


@pytest.fixture
def client(alice: User, client_of: ClientOf) -> APIClient:
    return client_of(alice)


@pytest.fixture
def url(alice: User) -> str:
    return f"/api/tasks/{create_task(alice, title='water the plants').pk}"


def test_a_task_is_compressed_with_a_weak_tag(client: APIClient, url: str) -> None:
    plain, packed = client.get(url), client.get(url, headers=ASKS)
    assert (packed["Content-Encoding"], packed["ETag"]) == ("gzip", 'W/"1"')
    assert gzip.decompress(packed.content) == plain.content
    assert int(packed["Content-Length"]) == len(packed.content) < len(plain.content)
    assert "Content-Encoding" not in plain
    assert plain["ETag"] == '"1"'


@pytest.mark.parametrize("asked", [{}, ASKS])
def test_caches_are_told_that_it_depends(client: APIClient, url: str, asked: dict[str, str]) -> None:
    assert "accept-encoding" in names(client.get(url, headers=asked)["Vary"])


@pytest.mark.parametrize("refused", ["identity", "gzip;q=0", "gzip; q=0.0, identity", ""])
def test_a_client_that_does_not_want_it(client: APIClient, url: str, refused: str) -> None:
    assert "Content-Encoding" not in client.get(url, headers={"Accept-Encoding": refused})


def test_a_copy_is_known_by_the_tag_it_came_with(client: APIClient, url: str) -> None:
    answer = client.get(url, headers=ASKS | {"If-None-Match": 'W/"1"'})
    assert (answer.status_code, answer["ETag"]) == (304, 'W/"1"')
    assert "accept-encoding" in names(answer["Vary"])


def test_a_stored_answer_is_compressed_for_those_who_ask(client: APIClient) -> None:
    once = {"Idempotency-Key": "one"}
    first = client.post("/api/tasks", {"title": "water"}, headers=once)
    again = client.post("/api/tasks", {"title": "water"}, headers=once | ASKS)
    assert gzip.decompress(again.content) == first.content
    assert (first["ETag"], again["ETag"]) == ('"1"', 'W/"1"')


def test_lists_errors_and_the_document(client: APIClient, alice: User) -> None:
    for number in range(20):
        create_task(alice, title=f"task {number}")
    for path in ("/api/tasks", "/api/tasks?unheard_of=1", "/api/schema"):
        assert client.get(path, headers=ASKS)["Content-Encoding"] == "gzip"


def secrets_of(client: APIClient) -> list[Any]:
    credentials = {"email": "alice@example.test", "password": PASSWORD}
    tokens = client.post("/api/auth/token", credentials, headers=ASKS)
    refresh = gzip_free(tokens).json()["refresh"]
    return [
        tokens,
        client.post("/api/auth/token/refresh", {"refresh": refresh}, headers=ASKS),
        client.post("/api/auth/api-tokens", {"name": "x" * 99, "scopes": ["read"]}, headers=ASKS),
        client.post("/api/stream/ticket", headers=ASKS),
        client.post(
            "/api/auth/password/change",
            {"current_password": PASSWORD, "new_password": "fresh horse fresh staple"},
            headers=ASKS,
        ),
    ]


def gzip_free(answer: Any) -> Any:
    assert "Content-Encoding" not in answer
    return answer


def test_answers_with_a_secret_are_not_compressed(client: APIClient) -> None:
    answers = secrets_of(client)
    assert [answer.status_code for answer in answers] == [200, 200, 201, 201, 200]
    assert all(len(gzip_free(answer).content) > 200 for answer in answers)  # long enough to be compressed


def test_pages_outside_the_api_stay_as_they_are(client: APIClient) -> None:
    assert "Content-Encoding" not in client.get("/admin/login/", headers=ASKS)


def test_answers_without_a_body_have_no_length(client: APIClient, url: str) -> None:
    unchanged = client.get(url, headers={"If-None-Match": '"1"'})
    deleted = client.delete(url)
    assert (unchanged.status_code, deleted.status_code) == (304, 204)
    assert "Content-Length" not in unchanged
    assert "Content-Length" not in deleted
