"""The examples of errors in the document are real answers."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts_app.models import User
from http_app.error_answers import REFUSAL
from http_app.errors import BodyTimeout
from http_app.openapi_errors import ERRORS
from tasks_app.services import create_task

pytestmark = pytest.mark.django_db


def test_the_examples_are_real_answers(alice: User, client_of: Any) -> None:
    client = client_of(alice)
    task = create_task(alice, title="hers")
    url = f"/api/tasks/{task.pk}"
    for version in (2, 3):
        assert client.patch(url, {"title": f"version {version}"}).json()["version"] == version
    key = {"Idempotency-Key": "k-1"}
    client.post("/api/tasks", {"title": "one"}, headers=key)
    answers = [
        APIClient().get(url),
        client.get("/api/tasks/999999"),
        client.get(url, headers={"Accept": "text/html"}),
        client.post("/api/tasks", **{REFUSAL: BodyTimeout()}),
        client.patch(url, {"title": "mine"}, headers={"If-Match": '"1"'}),
        client.generic("POST", "/api/tasks", b"{" + b" " * 2_097_152 + b"}", content_type="application/json"),
        client.generic("POST", "/api/tasks", b"x", content_type="text/plain"),
        client.post("/api/tasks", {"title": "two"}, headers=key),
    ]
    assert [answer.status_code for answer in answers] == [401, 404, 406, 408, 412, 413, 415, 422]
    for answer in answers:
        described = ERRORS[str(answer.status_code)].described()
        assert answer.json() == described["content"]["application/json"]["example"]
        assert set(described["headers"]) <= set(answer.headers)


def test_an_example_is_the_same_each_time() -> None:
    for error in ERRORS.values():
        assert error.described() == error.described()
