"""One request's id stands in its answer, in each of its log lines, and in the events it makes."""

import json
import logging
from collections.abc import Callable, Iterator
from io import StringIO
from typing import Any

import pytest
import structlog
from django.core.exceptions import ImproperlyConfigured
from rest_framework.test import APIClient

from accounts_app.models import User
from events_app.models import OutboxEvent
from tasks_app.models import Tag, Task
from todo_project.logs import logging_config

ClientOf = Callable[[User], APIClient]


@pytest.fixture
def written() -> Iterator[StringIO]:
    """What the root handler writes, in the format of production."""
    config = logging_config(log_format="json", level="INFO")
    formatter: dict[str, Any] = config["formatters"]["structured"]
    stream = StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter.pop("()")(**formatter))
    logging.getLogger().addHandler(handler)
    yield stream
    logging.getLogger().removeHandler(handler)


def lines(written: StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in written.getvalue().splitlines()]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("get", "/api/me", 200),
        ("get", "/api/nothing", 404),
        ("get", "/api/me?x=1", 400),
        ("put", "/api/me", 405),
        ("get", "/nothing", 404),
    ],
)
def test_each_line_of_a_request_carries_its_id(
    alice: User, client_of: ClientOf, written: StringIO, method: str, path: str, status: int
) -> None:
    answer = getattr(client_of(alice), method)(path, headers={"X-Request-ID": "order-7"})
    assert (answer.status_code, answer.headers["X-Request-ID"]) == (status, "order-7")
    found = lines(written)
    assert [line["event"] for line in found] == ["request_finished"]
    assert {line["request_id"] for line in found} == {"order-7"}
    assert found[-1]["code"] == status


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/healthz/live", "/healthz/ready?all=true"])
def test_an_orchestrators_questions_are_no_lines(written: StringIO, path: str) -> None:
    """While a start is under way the right answer is a 503, and not a mistake."""
    assert APIClient().get(path).status_code in (200, 503)
    assert "request_" not in written.getvalue()


def test_a_line_of_any_logger_within_a_request_carries_its_id(
    alice: User, client_of: ClientOf, written: StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    def told(self: Tag, *args: Any, **kwargs: Any) -> None:
        logging.getLogger("some.library").warning("by %s", "logging")
        structlog.get_logger("ours").info("by_structlog", task="x")
        raise RuntimeError("our own fault")

    monkeypatch.setattr(Tag, "save", told)
    client = client_of(alice)
    client.raise_request_exception = False
    assert client.post("/api/tags", {"name": "x"}, headers={"X-Request-ID": "order-7"}).status_code == 500
    found = {line["event"]: line for line in lines(written)}
    assert {"by logging", "by_structlog", "request_failed"} <= set(found)
    assert {line["request_id"] for line in found.values()} == {"order-7"}
    assert "our own fault" in found["request_failed"]["exception"]


def test_a_finished_request_names_its_user(alice: User, client_of: ClientOf, written: StringIO) -> None:
    client_of(alice).get("/api/me")
    assert lines(written)[-1]["user_id"] == str(alice.pk)


def test_one_requests_id_does_not_reach_the_next(alice: User, client_of: ClientOf, written: StringIO) -> None:
    client = client_of(alice)
    client.get("/api/me", headers={"X-Request-ID": "order-7"})
    second = client.get("/api/me").headers["X-Request-ID"]
    assert [line["request_id"] for line in lines(written)] == ["order-7", second]
    assert structlog.contextvars.get_contextvars() == {}


def test_a_task_made_in_a_request_carries_its_id_into_its_events(alice: User, client_of: ClientOf) -> None:
    client = client_of(alice)
    client.post("/api/tasks", {"title": "hers"}, headers={"X-Request-ID": "order-7"})
    assert list(OutboxEvent.objects.values_list("type", "request_id")) == [
        ("task.created", "order-7"),
        ("task.sync", "order-7"),
    ]


def test_a_task_made_outside_of_a_request_has_none(alice: User) -> None:
    Task.objects.create(user=alice, title="hers")
    assert set(OutboxEvent.objects.values_list("request_id", flat=True)) == {""}


def test_readable_lines_for_a_terminal() -> None:
    formatter = logging_config(log_format="console", level="INFO")["formatters"]["structured"]
    record = logging.LogRecord("some.library", logging.WARNING, "", 0, "by %s", ("logging",), None)
    line = formatter.pop("()")(**formatter).format(record)
    assert "by logging" in line
    assert not line.startswith("{")


def test_an_unknown_format_is_named() -> None:
    with pytest.raises(ImproperlyConfigured, match="LOG_FORMAT is 'xml'; it must be json or console"):
        logging_config(log_format="xml", level="INFO")
