"""The stream's process, on the test's own database and state store."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPException
from itertools import count
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

import pytest

from accounts_app import sign_ins
from accounts_app.models import User
from devkit.embedded.ports import free_port
from state_store import task_updates
from state_store.pause import Pause
from state_store.task_updates import NewUpdate
from tests.acceptance.calls import call
from tests.acceptance.forks import Fork
from tests.acceptance.processes import eventually, running
from tests.sync_app.clients import StreamClient

# The state store keeps versions of tasks longer than a test runs, so that no id is used twice.
task_ids = count(1_000_000)


@dataclass
class StreamServer:
    port: int
    metrics_port: int
    process: Fork
    clients: list[StreamClient] = field(default_factory=list)

    def answers(self) -> bool:
        try:
            return call(self.port, "GET", "/healthz/ready").status == 200
        except (OSError, HTTPException):
            return False

    def connect(self, user: User, last_event_id: str = "") -> StreamClient:
        """A stream of this user, whose first message is still to be read."""
        client = self.client(token=token_of(user), last_event_id=last_event_id).open()
        assert client.status == 200, client.body
        return client

    def client(self, **options: Any) -> StreamClient:
        self.clients.append(StreamClient(self.port, **options))
        return self.clients[-1]


@contextmanager
def stream_server(**environment: str) -> Iterator[StreamServer]:
    port, metrics_port = free_port(), free_port()
    ports = {"STREAM_PORT": str(port), "METRICS_PORT": str(metrics_port)}
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        for name, value in (ports | {"PROMETHEUS_MULTIPROC_DIR": folder} | environment).items():
            patch.setenv(name, value)
        with running("python manage.py serve_stream") as (process,):
            server = StreamServer(port, metrics_port, process)
            eventually(lambda: process.poll() is not None or server.answers())
            assert process.poll() is None
            yield server
            for client in server.clients:
                client.close()


@pytest.fixture
def serve() -> Iterator[Callable[..., StreamServer]]:
    """`serve(STREAM_CONNECTIONS="1")`: a server with these settings, until the test ends."""
    with ExitStack() as servers:
        yield lambda **environment: servers.enter_context(stream_server(**environment))


@pytest.fixture
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(task_updates, "pause", Pause())


def token_of(user: User) -> str:
    return sign_ins.sign_in(user)["access"]


def tell(user: User, task_id: int, version: int = 1, text: str = "") -> None:
    """An update of the user's, as the `sync` group adds it."""
    text = text or f'{{"task_id": {task_id}, "version": {version}, "is": "{uuid4()}"}}'
    task_updates.add([NewUpdate(str(user.pk), task_id, version, text)])
