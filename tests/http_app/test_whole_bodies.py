"""What no view reads of a body is read all the same, so that the connection stays good."""

import pytest
from django.conf import settings
from django.test import Client

pytestmark = pytest.mark.django_db


def left_of(path: str, body: str, **options: str) -> int:
    request = Client().post(path, body, content_type="application/json", **options).wsgi_request
    return len(request.environ["wsgi.input"].read())


@pytest.mark.parametrize("path", ["/api/tasks", "/api/nothing/here", "/healthz/live"])
def test_nothing_is_left(path: str) -> None:
    assert left_of(path, "x" * 100_000) == 0


def test_a_body_that_is_read_is_no_trouble() -> None:
    assert left_of("/api/auth/token", "{}") == 0


def test_one_that_is_too_large_is_left() -> None:
    assert left_of("/api/nothing/here", "x" * (settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1)) > 0


def test_a_length_that_is_none_is_no_error() -> None:
    assert (
        Client().post("/api/nothing/here", "x", content_type="text/plain", CONTENT_LENGTH="").status_code
        == 404
    )
