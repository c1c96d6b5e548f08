"""Tasks whose rule is an `rrule:`: what they take, what they answer and what follows a completion."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from rest_framework.test import APIClient

from accounts_app.models import User
from recurrence.rules import RuleError
from tasks_app.models import Task

FRIDAYS = {
    "title": "report",
    "due_at": "2030-05-03T17:00:00+02:00",
    "recurrence_rule": "rrule:FREQ=WEEKLY;INTERVAL=2;BYDAY=FR",
}


@pytest.fixture
def client(alice: User, client_of: Callable[[User], APIClient]) -> APIClient:
    return client_of(alice)


def test_every_second_friday_and_in_words(client: APIClient) -> None:
    made = client.post("/api/tasks", FRIDAYS).json()

    assert made["recurrence_rule"] == FRIDAYS["recurrence_rule"]
    assert made["recurrence_text"] == "every second Friday at 17:00, Europe/Berlin"
    assert client.get(f"/api/tasks/{made['id']}").json()["recurrence_text"] == made["recurrence_text"]
    assert client.get("/api/tasks").json()["results"][0]["recurrence_text"] == made["recurrence_text"]


def test_the_words_of_a_series_keep_its_anchor(client: APIClient) -> None:
    """Moving one occurrence does not move the series."""
    made = client.post("/api/tasks", FRIDAYS).json()

    moved = client.patch(f"/api/tasks/{made['id']}", {"due_at": "2030-05-04T10:00:00Z"}).json()

    assert moved["recurrence_text"] == "every second Friday at 17:00, Europe/Berlin"


def test_without_a_rule_there_are_no_words(client: APIClient) -> None:
    assert client.post("/api/tasks", {"title": "report"}).json()["recurrence_text"] is None


def test_255_characters_are_kept(client: APIClient, alice: User) -> None:
    rule = "rrule:FREQ=MONTHLY;BYMONTHDAY=1" + ",1" * 112

    answer = client.post("/api/tasks", FRIDAYS | {"recurrence_rule": rule})

    assert answer.status_code == 201
    assert Task.objects.get(user=alice).recurrence_rule == rule


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"recurrence_rule": ""}, "unknown_rule", "recurrence_rule"),
        ({"recurrence_rule": "\0"}, "unknown_rule", "recurrence_rule"),
        ({"recurrence_rule": "cron:0 9 4,*/26 * 0-6"}, "bad_syntax", "recurrence_rule"),
        ({"recurrence_rule": "rrule:" + "x" * 250}, "too_long", "recurrence_rule"),
        ({"recurrence_rule": "rrule:FREQ=HOURLY"}, "unsupported", "recurrence_rule"),
        ({"recurrence_rule": "rrule:FREQ=DAILY;UNTIL=1"}, "until_is_recurrence_end", "recurrence_rule"),
        ({"recurrence_mode": "after_completion"}, "mode_not_allowed", "recurrence_mode"),
        (
            {"recurrence_rule": "rrule:FREQ=DAILY;INTERVAL=7;BYDAY=MO"},
            "no_occurrence",
            "recurrence_rule",
        ),
    ],
)
def test_what_is_refused(change: dict[str, Any], code: str, field: str, client: APIClient) -> None:
    answer = client.post("/api/tasks", FRIDAYS | change)

    assert answer.status_code == 400
    assert [(error["code"], error["attr"]) for error in answer.json()["errors"]] == [(code, field)]


@pytest.mark.parametrize(
    ("url", "body"),
    [
        ("/api/tasks", b'{"title": "report", "recurrence_rule": "daily\\ud800"}'),
        (
            "/api/tasks/bulk",
            b'{"operations": [{"op": "create", "data": {"title": "x"}},'
            b' {"op": "create", "data": {"title": "report", "recurrence_rule": "cron:\\ud800"}}]}',
        ),
    ],
)
def test_half_a_character_is_not_ascii(url: str, body: bytes, client: APIClient) -> None:
    answer = client.post(url, body, content_type="application/json")

    assert [error["code"] for error in answer.json()["errors"]] == ["not_ascii"]


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("get", "", None, 200),
        ("get", "/occurrences", None, 200),
        ("patch", "", {"title": "reports"}, 200),
        ("patch", "", {"due_at": "2030-05-04T17:00:00Z"}, 200),
        ("patch", "", {"due_at": "2030-05-04T17:00:00Z", "apply_to": "following"}, 409),
        ("patch", "", {"timezone": "UTC"}, 400),
        ("patch", "", {"recurrence_rule": "daily"}, 200),
        ("post", "/complete", None, 200),
        ("post", "/skip", None, 409),
        ("post", "/stop", None, 200),
    ],
)
def test_a_rule_that_is_not_accepted_any_more_is_never_an_error_of_ours(
    method: str, path: str, body: dict[str, str] | None, status: int, client: APIClient
) -> None:
    """`*/n` in a list was accepted by an earlier version."""
    task = client.post("/api/tasks", FRIDAYS).json()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE tasks SET recurrence_rule = 'cron:0 9 4,*/26 * *'")

    answer = getattr(client, method)(f"/api/tasks/{task['id']}{path}", body)

    assert answer.status_code == status
    if status >= 400:
        assert {error["code"] for error in answer.json()["errors"]} == {"bad_syntax"}


def test_a_write_that_nothing_has_checked_refuses_a_zone_that_does_not_exist(alice: User) -> None:
    with pytest.raises(RuleError) as refused:
        Task.objects.create(user=alice, title="report", recurrence_rule="daily", timezone="Mars/Olympus")
    assert refused.value.code == "bad_timezone"
