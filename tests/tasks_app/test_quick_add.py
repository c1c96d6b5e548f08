"""POST /api/tasks/quick: a task from one sentence, or what has to be asked."""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import pytest
import time_machine
from django.test import override_settings
from pytest_django import DjangoAssertNumQueries, Settings
from rest_framework.test import APIClient

from accounts_app.api_tokens import create_api_token
from accounts_app.models import User
from events_app.models import OutboxEvent
from tasks_app.models import Priority, Tag, Task
from tests.quick_add.saying import cases

URL = "/api/tasks/quick"
RENT = "pay rent every month on the 31st 9am #home !high"
CASES = cases("cases.json", "more_cases.json")


@pytest.fixture(autouse=True)
def wednesday() -> Iterator[None]:
    with time_machine.travel("2026-03-25T10:00:00+01:00", tick=False):
        yield


@pytest.fixture
def client(alice: User, client_of: Callable[[User], APIClient]) -> APIClient:
    return client_of(alice)


def errors(answer: Any) -> list[tuple[str, str | None]]:
    return [(error["code"], error["attr"]) for error in answer.json()["errors"]]


def test_every_case_through_a_dry_run(client: APIClient) -> None:
    for case in CASES:
        body = {name: case[name] for name in ("text", "now", "timezone")}
        answer = client.post(URL, body | {"dry_run": True})

        found = answer.json()
        assert answer.status_code == 200, (case, found)
        assert found["task"] == case.get("expect"), case
        assert [question["code"] for question in found["questions"]] == (
            [case["ask"]] if "ask" in case else []
        )
        for span in found["understood"]:
            assert span.keys() == {"from", "to", "text", "means"}
            assert span["text"] == case["text"][span["from"] : span["to"]]
    assert not Task.objects.exists()


def test_a_sentence_becomes_a_task(client: APIClient, alice: User) -> None:
    answer = client.post(URL, {"text": RENT})

    assert answer.status_code == 201
    task = Task.objects.get()
    made = answer.json()
    assert answer["Location"] == f"/api/tasks/{task.pk}"
    assert made["task"] == client.get(answer["Location"]).json()
    assert made["questions"] == []
    assert [span["text"] for span in made["understood"]] == [
        "every month on the 31st",
        "9am",
        "#home",
        "!high",
    ]
    assert (task.title, task.recurrence_rule, task.timezone) == ("pay rent", "monthly", "Europe/Berlin")
    assert made["task"]["due_at"] == "2026-03-31T07:00:00Z"
    assert Priority.objects.get(pk=task.priority_id).name == "High"
    assert list(task.tags.all()) == [Tag.objects.get(user=alice, name="home")]


def test_it_is_made_as_post_tasks_makes_it(client: APIClient, alice: User) -> None:
    """The default reminder, the tag that is there already, and the events."""
    alice.default_reminder_offset = 30
    alice.save()
    home = Tag.objects.create(user=alice, name="Home")
    OutboxEvent.objects.all().delete()

    quick = client.post(URL, {"text": "call mum tomorrow at 9 #home"}).json()["task"]
    usual = client.post(
        "/api/tasks", {"title": "call mum", "due_at": "2026-03-26T09:00:00+01:00", "tags": ["home"]}
    ).json()

    its_own = {"id", "series_id"}
    assert {k: v for k, v in quick.items() if k not in its_own} == {
        k: v for k, v in usual.items() if k not in its_own
    }
    assert (quick["reminder_offsets"], quick["tag_ids"]) == ([30], [home.pk])
    of_one = sorted(OutboxEvent.objects.values_list("type", flat=True))
    assert of_one == ["task.created", "task.created", "task.sync", "task.sync"]


def test_a_reminder_of_the_sentence_is_the_only_one(client: APIClient, alice: User) -> None:
    alice.default_reminder_offset = 30
    alice.save()

    task = client.post(URL, {"text": "dentist on friday at 9:30 remind me 2 hours before"}).json()["task"]

    assert task["reminder_offsets"] == [120]


def test_a_question_makes_nothing(client: APIClient) -> None:
    answer = client.post(URL, {"text": "call mum tomorrow at 5 #family"})

    assert (answer.status_code, answer.json()["task"]) == (200, None)
    question = answer.json()["questions"][0]
    assert [choice["text"] for choice in question["choices"]] == [
        "call mum tomorrow at 5am #family",
        "call mum tomorrow at 5pm #family",
    ]
    assert not Task.objects.exists()
    assert not Tag.objects.exists()

    again = client.post(URL, {"text": question["choices"][1]["text"]})
    assert (again.status_code, again.json()["task"]["due_at"]) == (201, "2026-03-26T16:00:00Z")


def test_a_dry_run_makes_nothing(client: APIClient) -> None:
    answer = client.post(URL, {"text": RENT, "dry_run": True})

    assert answer.json()["task"] == {
        "title": "pay rent",
        "due_at": "2026-03-31T09:00+02:00",
        "recurrence_rule": "monthly",
        "priority": "High",
        "tags": ["home"],
    }
    assert not Task.objects.exists()
    assert not Tag.objects.exists()


def test_places_count_code_points(client: APIClient) -> None:
    text = "  👩‍👩‍👧 dîner tomorrow"
    span = client.post(URL, {"text": text, "dry_run": True}).json()["understood"][0]

    assert (span["from"], span["to"]) == (text.index("tomorrow"), len(text))


def test_the_zone_is_the_users(bob: User, client_of: Callable[[User], APIClient]) -> None:
    """It is 05:00 in New York."""
    made = client_of(bob).post(URL, {"text": "stretch at 9"}).json()["task"]

    assert (made["due_at"], made["timezone"]) == ("2026-03-25T13:00:00Z", "America/New_York")


def test_a_zone_may_be_named(client: APIClient) -> None:
    """It is 18:00 in Tokyo, where the task then recurs too."""
    body = {"text": "stretch every day at 7pm", "timezone": "Asia/Tokyo"}
    tried = client.post(URL, body | {"dry_run": True}).json()["task"]
    made = client.post(URL, body).json()["task"]

    assert tried["due_at"] == "2026-03-25T19:00+09:00"
    assert (made["due_at"], made["timezone"]) == ("2026-03-25T10:00:00Z", "Asia/Tokyo")
    done = Task.objects.get(pk=made["id"])
    assert (done.anchor_local, done.recurrence_rule) == (datetime(2026, 3, 25, 19), "daily")  # noqa: DTZ001


def test_an_operators_priority_is_known(client: APIClient) -> None:
    Priority.objects.create(name="Drop everything", level=5, color="#000000")

    for text in ("fix the roof !5", "fix the roof !drop everything", "!DROP EVERYTHING fix the roof"):
        assert client.post(URL, {"text": text, "dry_run": True}).json()["task"] == {
            "title": "fix the roof",
            "priority": "Drop everything",
        }


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, [("required", "text")]),
        ({"text": ""}, [("blank", "text")]),
        ({"text": None}, [("null", "text")]),
        ({"text": 5}, [("invalid", "text")]),
        ({"text": "a" * 2001}, [("max_length", "text")]),
        ({"text": "a\x00b"}, [("null_characters_not_allowed", "text")]),
        ({"text": "x", "title": "y"}, [("unknown_field", "title")]),
        ({"text": "x", "dry_run": "true"}, [("invalid", "dry_run")]),
        ({"text": "x", "now": "2026-03-25T10:00:00Z"}, [("needs_dry_run", "now")]),
        ({"text": "x", "timezone": "Mars"}, [("bad_timezone", "timezone")]),
        ({"text": "x", "dry_run": True, "now": "2026-03-25T10:00:00"}, [("naive", "now")]),
        ({"text": "x", "dry_run": True, "timezone": "Mars"}, [("bad_timezone", "timezone")]),
        ({"text": "a" * 201}, [("max_length", "title")]),
        ({"text": "a" * 201, "dry_run": True}, [("max_length", "title")]),
        ({"text": "x #" + "t" * 51}, [("max_length", "tags.0")]),
        ({"text": "x " + " ".join(f"#t{n}" for n in range(51))}, [("max_length", "tags")]),
        ({"text": "x\u202ey tomorrow"}, [("disruptive_character", "title")]),
    ],
)
def test_what_is_refused(client: APIClient, body: dict[str, Any], expected: list[Any]) -> None:
    answer = client.post(URL, body)

    assert (answer.status_code, errors(answer)) == (400, expected)
    assert not Task.objects.exists()
    assert not Tag.objects.exists()


def test_only_spaces_have_no_title(client: APIClient) -> None:
    assert client.post(URL, {"text": "  "}).json()["questions"][0]["code"] == "no_title"


def test_a_body_that_cannot_be_read(client: APIClient) -> None:
    answer = client.post(URL, "{", content_type="application/json")

    assert (answer.status_code, errors(answer)) == (400, [("parse_error", None)])


def test_without_sign_in_nothing_is_said(db: None) -> None:
    for body in ({"text": RENT}, {"text": RENT, "dry_run": True}):
        assert APIClient().post(URL, body, format="json").status_code == 401


def test_a_token_that_only_reads_may_only_try(alice: User, client_of: Callable[[User], APIClient]) -> None:
    client = APIClient()
    _, secret = create_api_token(alice, name="reader", scopes=["read"], expires_at=None)
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")

    assert client.post(URL, {"text": RENT, "dry_run": True}, format="json").status_code == 200
    assert client.post(URL, {"text": RENT}, format="json").status_code == 403
    assert client.post(URL, {"text": RENT, "dry_run": False}, format="json").status_code == 403
    assert client.post(URL, {"text": RENT, "dry_run": 1}, format="json").status_code == 403
    assert not Task.objects.exists()


def test_it_counts_as_a_write_and_a_dry_run_as_a_preview(client: APIClient, settings: Settings) -> None:
    settings.THROTTLE_RATES = dict.fromkeys(settings.THROTTLE_RATES) | {
        "writes": "1/min",
        "previews": "2/min",
    }

    assert [client.post(URL, {"text": RENT}).status_code for _ in range(2)] == [201, 429]
    dry = {"text": RENT, "dry_run": True}
    assert [client.post(URL, dry).status_code for _ in range(3)] == [200, 200, 429]


def test_a_key_makes_one_task(client: APIClient) -> None:
    key = {"HTTP_IDEMPOTENCY_KEY": "one"}

    first, again = (client.post(URL, {"text": RENT}, **key) for _ in range(2))

    assert first.content == again.content
    assert again["Idempotent-Replayed"] == "true"
    assert again["Location"] == first["Location"]
    assert Task.objects.count() == 1
    assert client.post(URL, {"text": "buy milk"}, **key).status_code == 422


def test_a_dry_run_uses_no_key(client: APIClient) -> None:
    key = {"HTTP_IDEMPOTENCY_KEY": "one"}

    assert client.post(URL, {"text": RENT, "dry_run": True}, **key).status_code == 200
    assert client.post(URL, {"text": RENT}, **key).status_code == 201


@override_settings(TASKS_PER_USER=1)
def test_the_quota_is_that_of_tasks(client: APIClient) -> None:
    assert client.post(URL, {"text": "buy milk"}).status_code == 201
    full = client.post(URL, {"text": "buy eggs #shop"})

    assert (full.status_code, errors(full)) == (409, [("quota", None)])
    assert not Tag.objects.exists()


def test_a_dry_run_is_one_query(client: APIClient, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    client.post(URL, {"text": RENT, "dry_run": True})

    with django_assert_num_queries(1):  # the priorities; the sign-in of this client costs none
        client.post(URL, {"text": "call mum tomorrow", "dry_run": True})
