"""Streams that are open and silent: what each costs, and how the API answers beside them."""

import resource
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import repeat

import psutil

from benchmarks.load import load, request
from benchmarks.measuring import percentile_of
from benchmarks.report import Report, table
from benchmarks.stage import Person, Stage, Web, people
from devkit.embedded.ports import free_port
from tasks_app.services import create_task

STREAMS = (1_000, 5_000)
OF_EACH = 10  # as many as one person may have
READERS = 4  # connections that ask the API beside them
# A listening socket keeps no more waiting than its backlog.
AT_ONCE = 100


def run(stage: Stage) -> Report:
    """The stream process's memory, and a list's p50 and p99, with none, with some and with many."""
    owners = people("idles", max(STREAMS) // OF_EACH)
    create_task(owners[0].user, title="Water the plants")
    asked = request("GET", "/api/tasks", token=owners[0].token)
    with _many_files(), stage.web() as web:
        load(web, [repeat(asked)] * READERS, seconds=1)
        rows = [_row(stage, web, owners[: count // OF_EACH], asked) for count in (0, *STREAMS)]
    return Report(
        "Idle streams",
        [
            table(["streams", "kB each", "a list's p50 ms", "p99 ms"], rows),
            f"{OF_EACH} streams a user, with heartbeats. The list has one task; {READERS} connections"
            " request it repeatedly while the streams are open.",
        ],
    )


def _row(stage: Stage, web: Web, owners: Sequence[Person], asked: bytes) -> list[str]:
    port, count = free_port(), len(owners) * OF_EACH
    with stage.process("serve_stream", STREAM_PORT=str(port)):
        _connect(port).close()
        before = _server(port).memory_info().rss
        with _open(port, owners):
            each = f"{(_server(port).memory_info().rss - before) / count / 1024:.1f}" if count else ""
            turn = load(web, [repeat(asked)] * READERS, seconds=stage.rounds * stage.seconds)
    p50, p99 = (percentile_of(turn.latencies, percentile) * 1000 for percentile in (50, 99))
    return [f"{count:,}", each, f"{p50:.1f}", f"{p99:.1f}"]


def _server(port: int) -> psutil.Process:
    """The process that listens there."""
    children = psutil.Process().children(recursive=True)
    (server,) = [child for child in children if _listens(child, port)]
    return server


def _listens(process: psutil.Process, port: int) -> bool:
    return any(
        one.laddr.port == port for one in process.net_connections() if one.status == psutil.CONN_LISTEN
    )


@contextmanager
def _open(port: int, owners: Sequence[Person]) -> Iterator[None]:
    wanted, opened = [owner for owner in owners for _ in range(OF_EACH)], []
    try:
        for start in range(0, len(wanted), AT_ONCE):
            some = [_ask(port, owner.token) for owner in wanted[start : start + AT_ONCE]]
            opened += some
            if not all(b" 200 " in one.recv(4096) for one in some):
                raise RuntimeError("A stream was refused.")
        yield
    finally:
        for one in opened:
            one.close()


def _ask(port: int, token: str) -> socket.socket:
    client = _connect(port)
    client.sendall(request("GET", "/api/stream", token=token))
    return client


def _connect(port: int) -> socket.socket:
    """As soon as the server is there."""
    for _ in range(600):
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=60)
        except ConnectionRefusedError:
            time.sleep(0.1)
    raise RuntimeError("The stream process does not answer.")


@contextmanager
def _many_files() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
