"""What the bridge refuses, on the wire: in the form of every other error, and counted like one."""

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import requests

from accounts_app import sign_ins
from accounts_app.models import User
from devkit.embedded.ports import free_port
from tasks_app.models import Task
from tasks_app.services import create_task
from tests.acceptance.calls import call
from tests.acceptance.web import Web, web
from tests.acceptance.wire import Reply, Wire, ask, chunks, request

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

JSON, CHUNKED = "Content-Type: application/json", "Transfer-Encoding: chunked"
ORIGIN = "https://app.example"
TITLE = b'{"title": "water the plants"}'
METRICS = "a token for the metrics"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Web]:
    settings = {"CORS_ALLOWED_ORIGINS": ORIGIN, "BODY_SECONDS": "1.5", "SLOW_BODIES_PER_ADDRESS": "2"}
    observed = {"METRICS_TOKEN": METRICS, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    with web(free_port(), **settings, **observed, THROTTLE_SIGN_IN_BY_ADDRESS="3/min") as server:
        yield server


@pytest.fixture
def signed_in(alice: User) -> str:
    return f"Authorization: Bearer {sign_ins.sign_in(alice)['access']}"


def code_of(reply: Reply) -> tuple[int, str]:
    """The status and the code of an error, which has all that every error has."""
    assert reply.headers["x-request-id"] == "order-7"
    assert reply.headers["access-control-allow-origin"] == ORIGIN
    (error,) = json.loads(reply.body)["errors"]
    return reply.status, error["code"]


def post(*headers: str, body: bytes = b"") -> bytes:
    return request(
        "POST", "/api/tasks", JSON, f"Origin: {ORIGIN}", "X-Request-ID: order-7", *headers, body=body
    )


def test_refusals_look_like_all_errors(server: Web) -> None:
    port = server.port
    assert code_of(ask(port, post("Content-Length: 2097153"))) == (413, "body_too_large")
    assert code_of(ask(port, post(CHUNKED, body=chunks(b"x" * 2_097_152, b"x")))) == (413, "body_too_large")
    assert code_of(ask(port, post(CHUNKED, body=chunks(TITLE, end=b"zz\r\n")))) == (400, "incomplete_body")
    assert code_of(ask(port, post("If-Match: é"))) == (400, "unreadable_header")
    with ExitStack() as open_wires:
        slow = [open_wires.enter_context(Wire(port)) for _ in range(3)]
        for wire in slow:
            wire.send(post("Content-Length: 1000"))
        replies = sorted((wire.reply("POST") for wire in slow), key=lambda reply: reply.status)
        assert [code_of(reply) for reply in replies] == [(408, "body_timeout")] * 2 + [
            (429, "too_many_at_once")
        ]
        assert all(reply.closed for reply in replies)
        assert replies[2].headers["retry-after"] == "1"
    metrics = call(port, "GET", "/metrics", token=METRICS).content.decode()
    assert "todo_web_workers_started_total 1.0" in metrics
    for status, count in ((400, 2), (408, 2), (413, 2), (429, 1)):
        line = f'todo_http_requests_total{{method="POST",route="/api/tasks",status="{status}"}} {count}.0'
        assert line in metrics


def test_a_chunked_body_is_a_body(server: Web, signed_in: str) -> None:
    assert ask(server.port, post(signed_in, CHUNKED, body=chunks(TITLE[:7], TITLE[7:]))).status == 201
    # With both headers the server goes by the chunks, and closes the connection (RFC 9112, 6.1).
    with Wire(server.port) as wire:
        wire.send(post(signed_in, "Content-Length: 5", CHUNKED, body=chunks(TITLE)))
        assert wire.reply("POST").status == 201
        assert wire.is_closed()
    token = {"Authorization": signed_in.partition(" ")[2], "Content-Type": "application/json"}
    parts = iter([TITLE[:7], TITLE[7:]])
    assert requests.post(f"{server.url}/api/tasks", data=parts, headers=token, timeout=20).status_code == 201
    assert Task.objects.filter(title="water the plants").count() == 3


def test_a_write_with_an_unreadable_version_writes_nothing(server: Web, alice: User, signed_in: str) -> None:
    task = create_task(alice, title="hers")
    message = request("PATCH", f"/api/tasks/{task.pk}", JSON, signed_in, 'If-Match: "ü"', body=TITLE)
    assert ask(server.port, message).status == 400
    assert Task.objects.get().title == "hers"


def test_a_header_with_underscores_is_dropped(server: Web) -> None:
    def guess(number: int) -> int:
        forged = (f"X_Forwarded_For: 192.0.2.{number}", "X_Request_ID: order-7", JSON)
        body = b'{"email": "alice@example.test", "password": "wrong"}'
        reply = ask(server.port, request("POST", "/api/auth/token", *forged, body=body))
        assert reply.headers["x-request-id"] != "order-7"
        return reply.status

    assert [guess(number) for number in range(5)] == [401, 401, 401, 429, 429]


def test_clients_that_send_slowly_take_no_thread(server: Web, signed_in: str) -> None:
    with ExitStack() as open_wires:
        for _ in range(50):
            wire = open_wires.enter_context(Wire(server.port))
            wire.send(post("Content-Length: 1000000"), b"x")
        started = time.monotonic()
        assert ask(server.port, request("GET", "/api/me", signed_in)).status == 200
        assert time.monotonic() - started < 5


def test_clients_that_read_slowly_take_no_thread(server: Web, signed_in: str) -> None:
    with ExitStack() as open_wires:
        for _ in range(20):
            open_wires.enter_context(Wire(server.port)).send(request("GET", "/api/schema"))
        assert ask(server.port, request("GET", "/api/me", signed_in)).status == 200


def test_a_client_that_waits_for_100_is_not_sent_one_before_a_refusal(server: Web) -> None:
    with Wire(server.port) as wire:
        wire.send(post("Expect: 100-continue", "Content-Length: 9000000"))
        reply = wire.reply("POST")
        assert (reply.status, reply.interim, reply.closed) == (413, (), True)
