"""What the bridge refuses, on the wire: in the form of every other error, and counted like one."""

import json
import re
import resource
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, suppress

import psutil
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


@pytest.fixture(scope="module")
def server(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    settings = {"CORS_ALLOWED_ORIGINS": ORIGIN, "BODY_SECONDS": "8", "SLOW_BODIES_PER_ADDRESS": "2"}
    folder = str(tmp_path_factory.mktemp("metrics"))
    observed = {"METRICS_TOKEN": METRICS, "PROMETHEUS_MULTIPROC_DIR": folder}
    with web(free_port(), **settings, **observed, THROTTLE_SIGN_IN_BY_ADDRESS="3/d") as server:
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
    port, before = server.port, counted(server.port)
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
    after = counted(port)
    assert {status: after[status] - before[status] for status in ("400", "408", "413", "429")} == {
        "400": 2, "408": 2, "413": 2, "429": 1
    }  # fmt: skip


def counted(port: int) -> Counter[str]:
    """Requests to POST /api/tasks by status, and the starts of workers."""
    metrics = call(port, "GET", "/metrics", token=METRICS).content.decode()
    assert "todo_web_workers_started_total 1.0" in metrics
    line = r'todo_http_requests_total\{method="POST",route="/api/tasks",status="(\d+)"\} ([0-9.]+)'
    return Counter({status: int(float(count)) for status, count in re.findall(line, metrics)})


def test_a_chunked_body_is_a_body(server: Web, signed_in: str) -> None:
    assert ask(server.port, post(signed_in, CHUNKED, body=chunks(TITLE[:7], TITLE[7:]))).status == 201
    # With both headers the server goes by the chunks, and closes the connection (RFC 9112, 6.1).
    with Wire(server.port) as wire:
        wire.send(post(signed_in, "Content-Length: 5", CHUNKED, body=chunks(TITLE)))
        assert wire.reply("POST").status == 201
        assert wire.is_closed()
    token = {"Authorization": signed_in.partition(" ")[2], "Content-Type": "application/json"}
    parts = iter([TITLE[:7], TITLE[7:]])
    assert requests.post(f"{server.url}/api/tasks", data=parts, headers=token, timeout=60).status_code == 201
    assert Task.objects.filter(title="water the plants").count() == 3


def test_a_write_with_an_unreadable_version_writes_nothing(server: Web, alice: User, signed_in: str) -> None:
    task = create_task(alice, title="hers")
    message = request("PATCH", f"/api/tasks/{task.pk}", JSON, signed_in, 'If-Match: "ü"', body=TITLE)
    assert ask(server.port, message).status == 400
    assert Task.objects.get().title == "hers"


def test_a_header_with_underscores_is_dropped(server: Web) -> None:
    def guess(number: int) -> int:
        forged = (f"X_Forwarded_For: 192.0.2.{number}", "X_Request_ID: order-7", JSON)
        body = b'{"email": "%d@example.test", "password": "wrong"}' % number
        reply = ask(server.port, request("POST", "/api/auth/token", *forged, body=body))
        assert reply.headers["x-request-id"] != "order-7"
        return reply.status

    statuses: list[int] = []
    # A store that a busy machine keeps waiting does not count each of them.
    while statuses[-1:] != [429]:
        assert len(statuses) < 20, "each forged address had a limit of its own"
        statuses.append(guess(len(statuses)))
    assert len(statuses) > 3
    assert set(statuses[:-1]) == {401}


def test_clients_that_send_slowly_take_no_thread(server: Web, signed_in: str) -> None:
    with ExitStack() as open_wires:
        # If each took one of the four threads for a second, it would be a minute.
        for _ in range(200):
            wire = open_wires.enter_context(Wire(server.port))
            wire.send(post("Content-Length: 1000000"), b"x")
        started = time.monotonic()
        assert ask(server.port, request("GET", "/api/me", signed_in)).status == 200
        assert time.monotonic() - started < 30


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


NODE = """
const [url, token] = process.argv.slice(1);
const headers = {"Authorization": token, "Content-Type": "application/json"};
const body = new ReadableStream({start(to) {
  for (const part of ['{"title": ', '"water the plants"}']) to.enqueue(new TextEncoder().encode(part));
  to.close();
}});
const statuses = [];
statuses.push((await fetch(url, {method: "POST", headers, body, duplex: "half"})).status);
statuses.push((await fetch(url, {method: "POST", headers, body: "x".repeat(3000000)})).status);
statuses.push((await fetch(url, {headers})).status);
console.log(JSON.stringify(statuses));
"""


@pytest.mark.parametrize("program", ["curl", "node"])
def test_what_others_use(server: Web, signed_in: str, program: str) -> None:
    """A chunked body, a body that is too large, and the same connection again."""
    if not shutil.which(program):
        pytest.skip(f"{program} is not here")
    url = f"{server.url}/api/tasks"
    if program == "node":
        command = ["node", "--input-type=module", "--eval", NODE, url, signed_in.partition(" ")[2]]
        found = json.loads(subprocess.check_output(command, timeout=180))
    else:
        always = ["-s", "-o", "-", "-w", "%{stderr}%{http_code} ", "-H", signed_in, "-H", JSON]
        chunked = ["-H", CHUNKED, "-d", TITLE.decode(), url]
        large = ["-d", "x" * 100_000, "-H", "Content-Length: 3000000", "-H", "Expect: 100-continue", url]
        command = ["curl", *always, *chunked, "--next", *always, *large, "--next", *always, url]
        run = subprocess.run(command, capture_output=True, timeout=180, check=True)
        found = [int(status) for status in run.stderr.split()]
    assert found == [201, 413, 200]


def test_more_idle_connections_than_files_stop_nothing(server: Web, signed_in: str) -> None:
    (worker,) = psutil.Process(server.process.pid).children()
    before = resource.prlimit(worker.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(worker.pid, resource.RLIMIT_NOFILE, (256, before[1]))
    with ExitStack() as open_wires:
        for _ in range(700):
            open_wires.enter_context(Wire(server.port))
        for _ in range(5):
            assert insist(server.port, request("GET", "/api/me", signed_in)).status == 200
    resource.prlimit(worker.pid, resource.RLIMIT_NOFILE, before)


def insist(port: int, message: bytes) -> Reply:
    """The answer; as any client would, it tries again when the connection breaks."""
    for _ in range(20):
        with suppress(ConnectionError, AssertionError):
            return ask(port, message)
    raise AssertionError("no answer")
