"""Rejected requests for a stream get an error in the format of the API."""

import socket
from collections.abc import Callable
from contextlib import suppress

import pytest
from django.db import connection, transaction

from accounts_app.models import User
from tests.acceptance.calls import call
from tests.sync_app.conftest import StreamServer, token_of

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]


def test_a_stream_that_is_refused_says_why(
    serve: Callable[..., StreamServer], alice: User, bob: User
) -> None:
    server = serve(
        STREAM_CONNECTIONS_PER_USER="1", STREAM_CONNECTIONS="2", CORS_ALLOWED_ORIGINS="https://app.test"
    )
    port, token = server.port, token_of(alice)
    refused = {
        (401, "not_authenticated"): call(port, "GET", "/api/stream"),
        (401, "token_not_valid"): call(port, "GET", "/api/stream", token="x"),
        (401, "ticket_not_valid"): call(port, "GET", "/api/stream?ticket=x"),
        (400, "unknown_parameter"): call(port, "GET", "/api/stream?tickets=x"),
        (406, "not_acceptable"): call(port, "GET", "/api/stream", Accept="application/json"),
        (405, "method_not_allowed"): call(port, "POST", "/api/stream"),
        (404, "not_found"): call(port, "GET", "/api/stream/"),
    }
    server.connect(alice)
    refused[429, "too_many_streams"] = call(port, "GET", "/api/stream", token=token)
    server.connect(bob)
    refused[503, "streams_full"] = call(port, "GET", "/api/stream", token=token)
    for (status, code), answer in refused.items():
        assert (answer.status, answer.body["errors"][0]["code"]) == (status, code), answer
        assert answer.headers["X-Request-ID"]
    assert refused[401, "not_authenticated"].headers["WWW-Authenticate"]
    assert refused[405, "method_not_allowed"].headers["Allow"] == "GET"
    assert {refused[key].headers["Retry-After"] for key in refused if key[0] in (429, 503)} == {"5"}
    for origin in ("https://app.test", "http://127.0.0.1:8000"):  # the second is of the page /app/
        allowed = call(port, "GET", "/api/stream", Origin=origin)
        assert allowed.headers["Access-Control-Allow-Origin"] == origin
    assert (
        "Access-Control-Allow-Origin"
        not in call(port, "GET", "/api/stream", Origin="https://evil.test").headers
    )


def test_a_head_opens_no_stream(serve: Callable[..., StreamServer], alice: User) -> None:
    server, token = serve(STREAM_CONNECTIONS_PER_USER="1"), token_of(alice)
    for _ in range(2):
        assert call(server.port, "HEAD", "/api/stream", token=token).status == 405
    server.connect(alice)


def test_a_header_without_an_end_is_cut(serve: Callable[..., StreamServer]) -> None:
    server = serve()
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as stranger:
        with suppress(ConnectionError):
            stranger.sendall(b"GET /api/stream HTTP/1.1\r\nHost: x\r\nX-A: " + b"a" * 1_000_000)
        with suppress(ConnectionError):
            assert b" 400 " in stranger.recv(1000)
    assert server.answers()


def test_a_database_that_holds_a_lock_is_not_waited_for(
    serve: Callable[..., StreamServer], alice: User
) -> None:
    server, token = serve(), token_of(alice)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("LOCK TABLE users IN ACCESS EXCLUSIVE MODE")
        assert call(server.port, "GET", "/api/stream", token=token).status == 503
