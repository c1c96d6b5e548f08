"""A database that is unavailable or too slow is a 503 with Retry-After."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import Any

import psycopg
import pytest
from django.db import Error, OperationalError, ProgrammingError, connection, transaction
from django.test import Client
from psycopg import errors

from http_app.errors import unavailable
from tasks_app.models import Priority

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls("tests.http_app.site")]


def error_of(answer: Any, code: str) -> dict[str, Any]:
    assert answer.status_code == 503, answer.content
    assert answer.headers["X-Request-ID"]
    assert int(answer.headers["Retry-After"]) >= 1
    body = answer.json()
    assert body["type"] == "server_error"
    (error,) = body["errors"]
    assert (error["code"], error["attr"]) == (code, None)
    assert "psycopg" not in error["detail"]
    assert "127.0.0.1" not in error["detail"]
    found: dict[str, Any] = error
    return found


@pytest.fixture
def no_database(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    connection.close()
    for name, value in {"HOST": "127.0.0.1", "PORT": 1, "OPTIONS": {}}.items():
        monkeypatch.setitem(connection.settings_dict, name, value)
    yield
    monkeypatch.undo()
    connection.close()


@contextmanager
def row_locked() -> Iterator[None]:
    """Another session locks each priority; this one waits 50 ms at most."""
    locked, done = Event(), Event()

    def hold() -> None:
        with transaction.atomic():
            list(Priority.objects.select_for_update())
            locked.set()
            done.wait(60)
        connection.close()

    holder = Thread(target=hold)
    holder.start()
    assert locked.wait(60)
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '50ms'")
    try:
        yield
    finally:
        done.set()
        holder.join()
        connection.close()


@pytest.mark.usefixtures("no_database")
class TestUnavailable:
    @pytest.mark.parametrize("method", ["get", "post"])
    def test_the_api(self, method: str) -> None:
        error_of(getattr(Client(), method)("/api/priorities"), "unavailable")

    def test_head(self) -> None:
        assert Client().head("/api/priorities").status_code == 503

    @pytest.mark.urls("todo_project.urls")
    def test_the_admin(self) -> None:
        client = Client(raise_request_exception=False)
        client.cookies["sessionid"] = "of-a-session"
        answer = client.get("/admin/")
        assert (answer.status_code, answer["Retry-After"]) == (503, "5")
        assert answer["Content-Type"].startswith("text/plain")


def test_it_recovers_by_itself(no_database: None, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Client().get("/api/priorities").status_code == 503
    monkeypatch.undo()
    assert Client().get("/api/priorities").status_code == 200


def test_a_lock_timeout() -> None:
    row = Priority.objects.get(level=1)
    with row_locked():
        answer = Client().delete(f"/api/priorities/{row.pk}")
        error_of(answer, "busy")
    assert Priority.objects.filter(pk=row.pk).exists()


@pytest.mark.parametrize(
    ("cause", "status"),
    [
        (errors.AdminShutdown("the reason"), "unavailable"),
        (errors.TooManyConnections("the reason"), "unavailable"),
        (errors.DiskFull("the reason"), "unavailable"),
        (errors.ReadOnlySqlTransaction("the reason"), "unavailable"),
        (errors.QueryCanceled("the reason"), "busy"),
        (errors.LockNotAvailable("the reason"), "busy"),
        (errors.ProgramLimitExceeded("the reason"), None),
        (errors.DeadlockDetected("the reason"), "busy"),
        (errors.UndefinedColumn("the reason"), None),
    ],
)
def test_which_errors_are_temporary(cause: psycopg.Error, status: str | None) -> None:
    error: Error = OperationalError("the reason")
    error.__cause__ = cause
    found = unavailable(error)
    assert (found.default_code if found else None) == status


def test_a_bug_is_not_one() -> None:
    assert unavailable(ProgrammingError("no such column")) is None
    assert unavailable(ValueError("x")) is None
    assert unavailable(None) is None
