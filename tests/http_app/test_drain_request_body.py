"""A body that no view reads is read anyway, so that the connection can be used again."""

import pytest
from django.conf import settings
from django.test import Client

from http_app import drain_request_body

pytestmark = pytest.mark.django_db


def left_of(path: str, body: str, **options: str) -> int:
    request = Client().post(path, body, content_type="application/json", **options).wsgi_request
    return len(request.environ["wsgi.input"].read())


@pytest.mark.parametrize("path", ["/api/tasks", "/api/nothing/here", "/healthz/live"])
def test_nothing_is_left(path: str) -> None:
    assert left_of(path, "x" * 100_000) == 0


def test_a_body_that_the_view_reads() -> None:
    assert left_of("/api/auth/token", "{}") == 0


def test_a_body_that_is_too_large_is_read_too() -> None:
    """The client is still sending, and would see a broken pipe instead of the 413."""
    assert left_of("/api/nothing/here", "x" * (settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1)) == 0


def test_an_enormous_body_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drain_request_body, "MOST_READ_BYTES", 1000)
    assert left_of("/api/nothing/here", "x" * 1001) > 0


def test_a_slow_body_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drain_request_body, "LONGEST_SECONDS", 0)
    assert left_of("/api/nothing/here", "x" * 1_000_000) > 0


def test_an_empty_length_is_not_an_error() -> None:
    assert (
        Client().post("/api/nothing/here", "x", content_type="text/plain", CONTENT_LENGTH="").status_code
        == 404
    )
