"""The bridge answers as granian's own WSGI interface does: the same requests to both, compared."""

import re
from collections.abc import Mapping

import pytest

from accounts_app import sign_ins
from accounts_app.models import User
from devkit.embedded.ports import free_port
from tasks_app.services import create_task
from tests.acceptance.web import web
from tests.acceptance.wire import Reply, Wire, ask, request

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

JSON = "Content-Type: application/json"
FORM = "Content-Type: application/x-www-form-urlencoded"
CSS = "/static/admin/css/base.css"
_IDS = re.compile(rb"[0-9a-f]{8}-[0-9a-f-]{27}|\d{4}-\d\d-\d\dT[0-9:.]+Z")


def requests_of(token: str, task: int) -> dict[str, bytes]:
    """What is asked, by its name."""
    signed_in = f"Authorization: Bearer {token}"
    return {
        "alive": request("GET", "/healthz/live"),
        "HEAD": request("HEAD", "/healthz/live"),
        "HTTP/1.0": request("GET", "/healthz/live", version="1.0"),
        "no token": request("GET", "/api/tasks", "X-Request-ID: a-1"),
        "a list": request("GET", "/api/tasks?ordering=-due_at", signed_in),
        "HEAD of a list": request("HEAD", "/api/tasks", signed_in),
        "compressed": request("GET", "/api/tasks?limit=1", signed_in, "Accept-Encoding: gzip"),
        "304": request("GET", f"/api/tasks/{task}", signed_in, 'If-None-Match: "1"'),
        "412": request("PATCH", f"/api/tasks/{task}", signed_in, JSON, 'If-Match: "9"', body=b"{}"),
        "204": request("DELETE", f"/api/tasks/{task}?permanent=true", signed_in),
        "bad JSON": request("POST", "/api/tasks", signed_in, JSON, body=b"{"),
        "no JSON": request("POST", "/api/tasks", signed_in, "Content-Type: text/plain", body=b"x"),
        "empty body": request("POST", "/api/tasks", signed_in, JSON, "Content-Length: 0"),
        "405": request("PUT", "/api/me", signed_in, JSON, body=b"{}"),
        "404": request("GET", "/nothing"),
        "a path in UTF-8": request("GET", "/api/%C3%A9?q=%C3%A9"),
        "a path with %2F": request("GET", "/api%2Ftasks"),
        "a query in UTF-8": request("GET", "/api/tasks?q=%F0%9F%8C%B1", signed_in),
        "no host": b"GET /api/tasks HTTP/1.1\r\n\r\n",
        "a foreign host": b"GET /api/tasks HTTP/1.1\r\nHost: foreign.example\r\n\r\n",
        "an absolute target": b"GET http://localhost/api/tasks HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "preflight": request(
            "OPTIONS", "/api/tasks", "Origin: https://app.example", "Access-Control-Request-Method: PATCH"
        ),
        "another origin": request("GET", "/api/tasks", "Origin: https://app.example"),
        "a static file": request("GET", CSS),
        "HEAD of a static file": request("HEAD", CSS),
        "a part of a static file": request("GET", CSS, "Range: bytes=0-9"),
        "the admin": request("GET", "/admin/", "Cookie: a=1", "Cookie: b=2"),
        "a form without its cookie": request("POST", "/admin/login/", FORM, body=b"username=a"),
        "Expect": request("POST", "/api/tasks", signed_in, JSON, "Expect: 100-continue", body=b"[]"),
        "a long header": request("GET", "/healthz/live", f"X-Long: {'x' * 20_000}"),
        "two lengths": request("POST", "/api/tasks", "Content-Length: 3", "Content-Length: 4", body=b"abc"),
        "no HTTP": b"GET nothing\r\n\r\n",
    }  # fmt: skip


def comparable(reply: Reply) -> tuple[object, ...]:
    """Without what differs by time and chance, and however the length is given."""
    changing = {"date", "x-request-id", "expires", "set-cookie", "content-length", "transfer-encoding"}
    headers: Mapping[str, str] = {
        name: value for name, value in reply.headers.items() if name not in changing
    }
    body = b"compressed" if "content-encoding" in headers else _IDS.sub(b"", reply.body)
    return reply.status, reply.interim, headers, body


def test_each_answer_is_the_same(alice: User) -> None:
    token = sign_ins.sign_in(alice)["access"]
    tasks = [create_task(alice, title="water the plants") for _ in range(2)]
    wsgi, rsgi = free_port(), free_port()
    allowed = {"CORS_ALLOWED_ORIGINS": "https://app.example", "THROTTLE_WRITES": "off"}
    with web(wsgi, "todo_project.wsgi:application", **allowed), web(rsgi, **allowed):
        ours, theirs = requests_of(token, tasks[0].pk), requests_of(token, tasks[1].pk)
        for name in ours:
            mine, other = ask(rsgi, ours[name]), ask(wsgi, theirs[name])
            assert comparable(mine) == comparable(other), name
            assert "date" in mine.headers
            if mine.status in (204, 304):
                assert not {"content-length", "transfer-encoding"} & set(mine.headers), name


def test_a_connection_is_used_again_and_requests_may_be_sent_ahead(alice: User) -> None:
    port = free_port()
    with web(port), Wire(port) as wire:
        wire.send(request("GET", "/healthz/live") * 3)
        assert [wire.reply().status for _ in range(3)] == [200] * 3
        wire.send(request("POST", "/api/nothing", body=b"x" * 2_500_000), request("GET", "/healthz/live"))
        assert [wire.reply("POST").status, wire.reply().status] == [413, 200]
        wire.send(request("GET", "/healthz/live", "Connection: close"))
        assert wire.reply().closed
        assert wire.is_closed()
