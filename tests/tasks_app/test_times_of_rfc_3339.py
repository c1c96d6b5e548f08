"""RFC 3339, 5.6: `t` and `z` may be lowercase. Clients in Go, PHP and Rust send them."""

from collections.abc import Callable

import pytest
from rest_framework.test import APIClient

from accounts_app.models import User

pytestmark = pytest.mark.django_db

ClientOf = Callable[[User], APIClient]
TIMES = [
    "2030-05-01t07:00:00z",
    "2030-05-01t07:00:00Z",
    "2030-05-01T07:00:00z",
    "2030-05-01t07:00:00.000z",
    "2030-05-01t09:00:00+02:00",
]


@pytest.mark.parametrize("time", TIMES)
def test_in_bodies(alice: User, client_of: ClientOf, time: str) -> None:
    answer = client_of(alice).post("/api/tasks", {"title": "water", "due_at": time, "recurrence_end": None})
    assert (answer.status_code, answer.json()["due_at"]) == (201, "2030-05-01T07:00:00Z")


@pytest.mark.parametrize("time", TIMES)
def test_in_a_field_that_may_be_a_date(alice: User, client_of: ClientOf, time: str) -> None:
    body = {"title": "water", "due_at": "2030-04-01T07:00:00Z", "recurrence_rule": "daily"}
    answer = client_of(alice).post("/api/tasks", body | {"recurrence_end": time})
    assert (answer.status_code, answer.json()["recurrence_end"]) == (201, "2030-05-01T07:00:00Z")


@pytest.mark.parametrize("time", TIMES)
def test_in_filters(alice: User, client_of: ClientOf, time: str) -> None:
    client = client_of(alice)
    client.post("/api/tasks", {"title": "water", "due_at": "2030-05-01T07:00:00Z"})
    found = {name: client.get("/api/tasks", {name: time}) for name in ("due_after", "due_before")}
    assert {name: len(answer.json()["results"]) for name, answer in found.items()} == {
        "due_after": 1,
        "due_before": 0,
    }


@pytest.mark.parametrize("day", ["20300501", "2030-5-1", "2030-W18-3", "٢٠٣٠-05-01"])
def test_a_date_has_one_form(alice: User, client_of: ClientOf, day: str) -> None:
    body = {"title": "water", "due_at": "2030-04-01T07:00:00Z", "recurrence_rule": "daily"}
    answer = client_of(alice).post("/api/tasks", body | {"recurrence_end": day})
    assert (answer.status_code, answer.json()["errors"][0]["attr"]) == (400, "recurrence_end")
