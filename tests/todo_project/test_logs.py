"""One request's id stands in its answer, in each of its log lines, and in the events it makes."""

import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import ANY

import pytest
import structlog
from django.core.exceptions import ImproperlyConfigured
from django.test import Client
from django_structlog.celery.receivers import CeleryReceiver
from django_structlog.celery.signals import bind_extra_task_metadata
from rest_framework.test import APIClient

from accounts_app.models import User
from events_app.models import OutboxEvent
from http_app.error_answers import REFUSAL
from http_app.errors import BodyTimeout, Unavailable
from tasks_app.models import Tag, Task
from todo_project import logs
from todo_project.logs import formatter_of_settings, logging_config

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
@pytest.mark.parametrize(
    "path", ["/r/secret-token", "//r/secret-token", "/r/secret-token/more", "/u/secret-token"]
)
@pytest.mark.parametrize("method", ["get", "post", "put"])
@pytest.mark.django_db
def test_the_token_of_a_link_is_in_no_line(client: Client, written: StringIO, method: str, path: str) -> None:
    getattr(client, method)("/", PATH_INFO=path)  # the client takes `//r` for a host
    (line,) = lines(written)
    assert line["request"].endswith("/...")
    assert "secret" not in written.getvalue()


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


def test_a_finished_request_says_what_it_was_and_whose(
    alice: User, client_of: ClientOf, written: StringIO
) -> None:
    client_of(alice).get("/api/tasks?q=secret&ordering=title", headers={"X-Request-ID": "order-7"})
    assert lines(written) == [
        {
            "event": "request_finished",
            "request": "GET /api/tasks?q&ordering",
            "code": 200,
            "user_id": str(alice.pk),
            "request_id": "order-7",
            "ip": "127.0.0.1",
            "logger": "http_app.request_log",
            "level": "info",
            "timestamp": ANY,
        }
    ]


@pytest.mark.django_db
def test_a_request_of_nobody_says_so(written: StringIO) -> None:
    APIClient().get("/api/me")
    assert [(line["code"], line["user_id"]) for line in lines(written)] == [(401, None)]


def test_a_request_of_the_admin_names_the_operator(
    admin_user: User, admin_client: Client, written: StringIO
) -> None:
    admin_client.get("/admin/", headers={"Host": "localhost"})
    assert lines(written)[-1]["user_id"] == str(admin_user.pk)


@pytest.mark.django_db
def test_a_server_s_error_without_an_exception_is_a_line_of_that_level(written: StringIO) -> None:
    assert APIClient().get("/api/me", **{REFUSAL: Unavailable()}).status_code == 503
    (line,) = lines(written)
    assert (line["event"], line["code"], line["level"]) == ("request_finished", 503, "error")


def test_the_start_of_a_request_is_a_line_for_debugging(
    alice: User, client_of: ClientOf, written: StringIO, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", "http_app.request_log")
    client_of(alice).get("/api/me", headers={"User-Agent": "curl/8"})
    started, finished = (line for line in lines(written) if line["logger"] == "http_app.request_log")
    assert (started["event"], started["user_agent"]) == ("request_started", "curl/8")
    assert started["request_id"] == finished["request_id"]


def test_a_request_with_too_many_parameters_is_a_line_too(
    alice: User, client_of: ClientOf, written: StringIO
) -> None:
    answer = client_of(alice).get("/api/me?" + "&".join(f"p{number}=1" for number in range(2000)))
    (line,) = lines(written)
    assert (answer.status_code, line["code"], line["request"]) == (400, 400, "GET /api/me?...")
    assert answer.headers["X-Request-ID"] == line["request_id"]


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


def test_a_celery_task_s_lines_name_it_celery_task_id(written: StringIO) -> None:
    """`task_id` is a to-do's."""
    celery_s = SimpleNamespace(request=SimpleNamespace(id="celery-7"), name="deliver")
    structlog.contextvars.bind_contextvars(task_id="celery-7")  # as django-structlog does
    bind_extra_task_metadata.send(sender=None, task=celery_s, logger=None)
    structlog.get_logger("ours").info("delivery_attempted", task_id=337)
    structlog.get_logger("ours").info("something_else")
    structlog.get_logger("django_structlog.celery.receivers").error("task_failed", task_id="celery-7")
    structlog.contextvars.clear_contextvars()
    assert [(line.get("task_id"), line["celery_task_id"]) for line in lines(written)] == [
        (337, "celery-7"),
        (None, "celery-7"),
        (None, "celery-7"),
    ]


def test_a_hint_that_expired_is_no_warning(written: StringIO) -> None:
    """A busy machine comes to some of them too late, and the rows decide."""
    request = SimpleNamespace(id="celery-7", task="notifications_app.deliver_due")
    CeleryReceiver().receiver_task_revoked(request, expired=True)
    assert lines(written) == []


UNCAUGHT = """
import threading, warnings, django
django.setup()
warnings.warn("outdated")
thread = threading.Thread(target=lambda: 1 / 0)
thread.start()
thread.join()
raise RuntimeError("of the process")
"""


@pytest.mark.slow
def test_a_warning_and_an_error_that_nothing_catches_are_lines_too() -> None:
    done = subprocess.run(
        [sys.executable, "-c", UNCAUGHT],
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "todo_project.settings", "LOG_FORMAT": "json"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    found = [json.loads(line) for line in done.stderr.splitlines()]
    assert [line["level"] for line in found] == ["warning", "critical", "critical"]
    assert "outdated" in found[0]["event"]
    assert "ZeroDivisionError" in found[1]["exception"]
    assert "of the process" in found[2]["exception"]


def test_the_web_server_s_lines_have_the_same_format() -> None:
    config = json.loads(Path(logs.__file__).with_name("granian_logs.json").read_text())
    name = {one["()"] for one in config["formatters"].values()}
    assert name == {"todo_project.logs.formatter_of_settings"}
    record = logging.LogRecord("_granian", logging.INFO, "", 0, "Listening", (), None)
    assert json.loads(formatter_of_settings().format(record))["event"] == "Listening"


@pytest.mark.django_db
@pytest.mark.parametrize(("level", "lines_of_host"), [("INFO", 1), ("WARNING", 0)])
def test_a_foreign_host_is_one_line_of_information(written: StringIO, level: str, lines_of_host: int) -> None:
    root = logging.getLogger()
    before = root.level
    root.setLevel(level)
    try:
        APIClient().get("/api/me", headers={"Host": "foreign.example.org"})
    finally:
        root.setLevel(before)
    found = [line for line in lines(written) if "foreign.example.org" in line["event"]]
    assert [(line["level"], "exception" in line) for line in found] == [("info", False)] * lines_of_host


@pytest.mark.django_db
def test_what_the_bridge_refuses_is_logged_too(written: StringIO) -> None:
    refused = {REFUSAL: BodyTimeout()}
    answer = APIClient().post("/api/tasks", headers={"X-Request-ID": "order-7"}, **refused)
    assert (answer.status_code, answer.headers["X-Request-ID"]) == (408, "order-7")
    (line,) = lines(written)
    assert (line["code"], line["request_id"], line["request"]) == (408, "order-7", "POST /api/tasks")
