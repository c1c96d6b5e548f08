"""A request with an Idempotency-Key has its effect once and always gets the same answer."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import time_machine
from django.db import connection
from rest_framework.test import APIClient

from accounts_app.models import User
from events_app.models import OutboxEvent
from http_app.models import IdempotencyKey
from http_app.tasks import KEPT, purge_idempotency_keys
from tasks_app.models import Task

pytestmark = pytest.mark.django_db
BODY = {"title": "water the plants", "tags": ["garden"]}


@pytest.fixture
def client(alice: User, client_of) -> APIClient:
    return client_of(alice)


def create(client: APIClient, key: str = "k-1", **changes: object):
    return client.post("/api/tasks", BODY | changes, headers={"Idempotency-Key": key})


def test_the_second_request_gets_the_first_answer(client: APIClient) -> None:
    first, second = create(client), create(client)
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.content == second.content
    assert (first["ETag"], first["Content-Type"]) == (second["ETag"], second["Content-Type"])
    assert first["Location"] == second["Location"] == f"/api/tasks/{first.json()['id']}"
    assert "Idempotent-Replayed" not in first
    assert second["Idempotent-Replayed"] == "true"
    assert Task.objects.count() == 1


def test_an_answer_without_a_body(client: APIClient) -> None:
    task = create(client).json()["id"]
    for replayed in (False, True):
        response = client.delete(f"/api/tasks/{task}", headers={"Idempotency-Key": "k-2"})
        assert (response.status_code, response.content) == (204, b"")
        assert ("Idempotent-Replayed" in response) is replayed


@pytest.mark.parametrize("changes", [{"title": "another"}, {"pinned": True}])
def test_another_body_is_refused(client: APIClient, changes: dict) -> None:
    create(client)
    response = create(client, **changes)
    assert (response.status_code, response.json()["errors"][0]["code"]) == (422, "idempotency_key_reused")
    assert Task.objects.count() == 1


def test_another_route_is_refused(client: APIClient) -> None:
    create(client)
    response = client.post("/api/tags", BODY, headers={"Idempotency-Key": "k-1"})
    assert response.status_code == 422


@pytest.mark.parametrize("method", ["PUT", "TRACE", "PROPFIND"])
def test_an_unknown_method(client: APIClient, method: str) -> None:
    create(client)
    assert client.generic(method, "/api/tasks", headers={"Idempotency-Key": "k-1"}).status_code == 405


def test_a_key_belongs_to_its_user(client: APIClient, client_of, bob: User) -> None:
    mine, his = create(client).json(), create(client_of(bob)).json()
    assert mine["id"] != his["id"]


def test_an_error_is_not_stored(client: APIClient) -> None:
    assert create(client, title="").status_code == 400
    assert not IdempotencyKey.objects.exists()
    assert create(client).status_code == 201


@pytest.mark.parametrize("key", ["", "x" * 256, "a\tb", "schlüssel"])
def test_a_malformed_key(client: APIClient, key: str) -> None:
    response = create(client, key)
    assert response.status_code == 400
    assert response.json()["errors"][0]["attr"] == "Idempotency-Key"


def test_a_read_stores_no_key(client: APIClient) -> None:
    client.get("/api/tasks", headers={"Idempotency-Key": "k-1"})
    assert not IdempotencyKey.objects.exists()


def test_sign_in_stores_no_answer(alice: User) -> None:
    body = {"email": alice.email, "password": "correct horse battery staple"}
    answer = APIClient().post("/api/auth/token", body, headers={"Idempotency-Key": "k-1"})
    assert answer.status_code == 200
    assert not IdempotencyKey.objects.exists()


def test_keys_are_deleted_after_a_day(client: APIClient) -> None:
    create(client)
    assert purge_idempotency_keys() == 0
    with time_machine.travel(Task.objects.get().created_at + KEPT + timedelta(minutes=1)):
        assert purge_idempotency_keys() == 1


@pytest.mark.django_db(transaction=True)
def test_concurrent_requests_are_one(alice: User, client_of) -> None:
    def call(_: int) -> tuple[int, bytes]:
        try:
            response = create(client_of(alice))
            return response.status_code, response.content
        finally:
            connection.close()

    with ThreadPoolExecutor(12) as threads:
        answers = set(threads.map(call, range(50)))
    assert len(answers) == 1
    assert answers.pop()[0] == 201
    assert Task.objects.count() == 1
    assert OutboxEvent.objects.filter(type="task.created").count() == 1
