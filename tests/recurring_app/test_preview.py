"""POST /api/recurrence/preview: every agreed case again through HTTP, and what the cases leave out."""

import json
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, get_args

import pytest
from pytest_django import DjangoAssertNumQueries, Settings
from rest_framework.test import APIClient

from accounts_app.api_tokens import create_api_token
from accounts_app.models import User
from recurrence.rules import Code
from tests.recurrence.test_cases import CASES
from tests.recurrence.test_hostile_rules import corpus

URL = "/api/recurrence/preview"
FIELDS = {"rule", "timezone", "start", "after", "until", "mode", "completed_at", "now", "policy"}
FRIDAYS = {"rule": "rrule:FREQ=WEEKLY;INTERVAL=2;BYDAY=FR", "start": "2026-03-06T17:00"}


@pytest.fixture
def client(alice: User, client_of: Callable[[User], APIClient]) -> APIClient:
    return client_of(alice)


def codes(answer: Any) -> list[tuple[str, str | None]]:
    return [(error["code"], error["attr"]) for error in answer.json()["errors"]]


def test_every_case(client: APIClient) -> None:
    for case in CASES:
        body = {name: value for name, value in case.items() if name in FIELDS}
        answer = client.post(URL, body | {"count": max(len(case["expect"]), 1)})

        if case["kind"] == "invalid":
            assert (answer.status_code, codes(answer)[0][0]) == (400, case["error"]), case["id"]
            continue
        shown = answer.json()
        assert (answer.status_code, shown["occurrences"]) == (200, case["expect"]), case["id"]
        assert shown["ends"] is (shown["next"] is None)
        if "ends" in case:
            assert shown["ends"] is case["ends"], case["id"]
        if case["kind"] == "catchup":
            assert (shown["missed"], shown["next"]) == (case["missed"], case["next"]), case["id"]


def test_five_when_nothing_is_said_in_the_users_zone(client: APIClient) -> None:
    assert client.post(URL, FRIDAYS).json() == {
        "occurrences": [
            "2026-03-06T17:00+01:00",
            "2026-03-20T17:00+01:00",
            "2026-04-03T17:00+02:00",
            "2026-04-17T17:00+02:00",
            "2026-05-01T17:00+02:00",
        ],
        "next": "2026-05-15T17:00+02:00",
        "ends": False,
        "missed": None,
        "description": "every second Friday at 17:00, Europe/Berlin",
    }


def test_a_date_alone_is_an_all_day_series(client: APIClient) -> None:
    answer = client.post(URL, FRIDAYS | {"start": "2026-03-06", "until": "2026-04-03", "count": 9}).json()

    assert answer == {
        "occurrences": ["2026-03-06", "2026-03-20", "2026-04-03"],
        "next": None,
        "ends": True,
        "missed": None,
        "description": "every second Friday",
    }


def test_an_all_day_series_asked_in_instants(client: APIClient) -> None:
    days = {"rule": "daily", "start": "2026-03-01", "timezone": "UTC"}

    assert client.post(URL, days | {"after": "2026-03-02T23:59Z", "count": 1}).json()["occurrences"] == [
        "2026-03-03"
    ]
    caught_up = client.post(URL, days | {"after": "2026-03-02T23:59Z", "now": "2026-03-05T10:00Z"}).json()
    assert (caught_up["occurrences"], caught_up["missed"], caught_up["next"]) == (
        ["2026-03-04"],
        2,
        "2026-03-05",
    )
    done = client.post(URL, days | {"after": "2026-03-02T23:59Z", "completed_at": "2026-03-05T10:00Z"}).json()
    assert (done["occurrences"], done["next"]) == (["2026-03-05"], "2026-03-06")


def test_a_completion_has_one_occurrence_or_none(client: APIClient) -> None:
    done = FRIDAYS | {"after": "2026-03-06T16:00Z", "completed_at": "2026-03-21T10:00Z", "count": 50}

    assert client.post(URL, done).json()["occurrences"] == ["2026-04-03T17:00+02:00"]
    assert client.post(URL, done | {"until": "2026-04-02"}).json() | {"description": ""} == {
        "occurrences": [],
        "next": None,
        "ends": True,
        "missed": None,
        "description": "",
    }


def test_a_completion_with_a_period_counts_from_it(client: APIClient) -> None:
    """What follows the one shown is what completing that in its time would give."""
    body = {
        "rule": "rrule:FREQ=MONTHLY",
        "timezone": "UTC",
        "start": "2026-01-05T09:00",
        "mode": "after_completion",
        "completed_at": "2026-01-31T20:00Z",
    }

    answer = client.post(URL, body).json()

    assert (answer["occurrences"], answer["next"]) == (["2026-02-28T09:00+00:00"], "2026-03-28T09:00+00:00")


def test_an_end_before_the_first_and_a_rule_that_this_start_never_meets(client: APIClient) -> None:
    for body in (
        FRIDAYS | {"until": "2026-01-01"},
        {"rule": "rrule:FREQ=YEARLY;INTERVAL=2;BYMONTH=2;BYMONTHDAY=29", "start": "2025-01-01T09:00"},
    ):
        answer = client.post(URL, body)
        assert (answer.status_code, answer.json()["occurrences"], answer.json()["ends"]) == (200, [], True)


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"rule": ""}, "unknown_rule", "rule"),
        ({"rule": "\0"}, "unknown_rule", "rule"),
        ({"rule": "rrule:\0"}, "bad_syntax", "rule"),
        ({"rule": "cron:0 9 * * *\0"}, "bad_syntax", "rule"),
        ({"rule": "x" * 5000}, "too_long", "rule"),
        ({"rule": "rrule:FREQ=DAILY;INTERVAL=0", "start": "no time"}, "out_of_range", "rule"),
        ({"rule": None}, "null", "rule"),
        ({"rule": 1}, "invalid", "rule"),
        ({"timezone": ""}, "bad_timezone", "timezone"),
        ({"timezone": "Berlin"}, "bad_timezone", "timezone"),
        ({"mode": "after_completion"}, "mode_not_allowed", "mode"),
        ({"mode": "sometimes"}, "invalid_choice", "mode"),
        ({"rule": "cron:0 9 * * *", "start": "2026-01-01"}, "needs_a_time", "rule"),
        ({"start": "2026-01-01T09:00Z"}, "local", "start"),
        ({"start": "2026-02-30"}, "local", "start"),
        ({"start": "1969-12-31T09:00"}, "out_of_range", "start"),
        ({"after": "2026-01-01T09:00"}, "naive", "after"),
        ({"count": 0}, "min_value", "count"),
        ({"count": 101}, "max_value", "count"),
        ({"policy": "some"}, "invalid_choice", "policy"),
        ({"completed_at": "2026-01-01T09:00Z", "now": "2026-01-01T09:00Z"}, "conflict", "now"),
        ({"no_such_field": 1}, "unknown_field", "no_such_field"),
    ],
)
def test_what_is_refused(change: dict[str, Any], code: str, field: str, client: APIClient) -> None:
    answer = client.post(URL, FRIDAYS | change)

    assert answer.status_code == 400
    assert (code, field) in codes(answer)


def test_half_a_character_is_not_ascii(client: APIClient) -> None:
    answer = client.post(
        URL, b'{"rule": "daily\\ud800", "start": "2026-01-01T09:00"}', content_type="application/json"
    )

    assert codes(answer) == [("not_ascii", "rule")]


def test_a_scope_to_read_is_enough_and_no_one_else_may(alice: User) -> None:
    _, secret = create_api_token(alice, name="reader", scopes=["read"], expires_at=None)

    assert APIClient().post(URL, FRIDAYS).status_code == 401
    assert APIClient().post(URL, FRIDAYS, headers={"Authorization": f"Bearer {secret}"}).status_code == 200


def test_it_reads_nothing(client: APIClient, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    with django_assert_num_queries(0):
        client.post(URL, FRIDAYS)


@pytest.mark.slow
@pytest.mark.usefixtures("clock")  # an hour may end in between
def test_its_allowance_is_its_own(client: APIClient, settings: Settings) -> None:
    settings.THROTTLE_RATES = settings.THROTTLE_RATES | {"writes": "1/h", "previews": "3/h"}

    answers = [client.post(URL, FRIDAYS).status_code for _ in range(4)]

    assert answers == [200, 200, 200, 429]
    assert client.post("/api/tasks", {"title": "water the plants"}).status_code == 201


def test_a_century_is_caught_up_with_and_no_more(client: APIClient) -> None:
    body = {"rule": "cron:*/5 * * * *", "start": "1970-01-01T00:00", "timezone": "UTC"}
    days = datetime.fromisoformat("2069-01-01") - datetime.fromisoformat("1970-01-01")

    answer = client.post(URL, body | {"now": "2069-01-01T00:00Z"})
    assert answer.json()["missed"] == days // timedelta(minutes=5) + 1
    refused = client.post(URL, body | {"now": "2070-01-01T00:00Z"})
    assert codes(refused) == [("out_of_range", "now")]
    assert (
        client.post(URL, body | {"now": "8999-01-01T00:00Z", "after": "8998-01-01T00:00Z"}).status_code == 200
    )


@pytest.mark.slow
def test_hostile_rules_get_an_answer_or_a_code(client: APIClient) -> None:
    refused = Counter()
    for rule in corpus():
        body = json.dumps({"rule": rule, "start": "2026-01-31T02:30", "timezone": "America/New_York"})
        answer = client.post(URL, body, content_type="application/json")
        if answer.status_code != 200:
            assert answer.status_code == 400, rule
            refused.update(code for code, _ in codes(answer))

    assert set(refused) <= set(get_args(Code))
    assert len(refused) > 8
