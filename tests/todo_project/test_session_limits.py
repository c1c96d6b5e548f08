"""The time limits of a process's sessions: its own, unless the environment has others."""

from asyncio import new_event_loop
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest
from celery.signals import beat_init, worker_init
from celery.utils.dispatch import Signal
from django.core.management import call_command
from django.db import connection, connections
from pytest_django import Settings

from devkit.embedded.ports import free_port
from http_app.bridge.bodies import Limits
from http_app.session_limits import limit_sessions
from sync_app.management.commands.serve_stream import StreamServer
from todo_project import web_process
from todo_project.celery import limit_sessions_of_beat, limit_sessions_of_worker

pytestmark = pytest.mark.django_db(transaction=True)  # a new session, outside of a test's transaction


@pytest.fixture(autouse=True)
def limits_of_before() -> Iterator[None]:
    options = connections.settings["default"]["OPTIONS"]
    before = dict(options)
    yield
    options.clear()
    options.update(before)
    connection.close()


def limit(name: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(f"SHOW {name}")
        return str(cursor.fetchone()[0])


def test_the_next_session_has_them() -> None:
    limit_sessions(statement_timeout=15, lock_timeout=0.5)
    assert (limit("statement_timeout"), limit("lock_timeout")) == ("15s", "500ms")
    assert limit("idle_in_transaction_session_timeout") == "0"


def test_those_of_the_environment_win(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_LOCK_TIMEOUT", "0")  # none, as a transaction pooler needs it
    limit_sessions(statement_timeout=15, lock_timeout=5)
    assert (limit("statement_timeout"), limit("lock_timeout")) == ("15s", "0")


@pytest.mark.parametrize(
    ("start", "receiver", "statement_timeout"),
    [(worker_init, limit_sessions_of_worker, "90s"), (beat_init, limit_sessions_of_beat, "5s")],
)
def test_workers_and_beat_have_theirs(
    start: Signal, receiver: Callable[[], None], statement_timeout: str
) -> None:
    assert receiver in {reference() for _key, reference in start.receivers}
    receiver()
    assert limit("statement_timeout") == statement_timeout
    assert limit("idle_in_transaction_session_timeout") == "1min"


def test_the_stream_has_those_of_a_request(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    monkeypatch.setattr(StreamServer, "run", lambda self, sockets: sockets[0].close())
    settings.STREAM_PORT = free_port()
    call_command("serve_stream")
    assert (limit("statement_timeout"), limit("lock_timeout")) == ("15s", "5s")


def test_the_web_has_its_own_when_it_begins_to_serve(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web_process, "allow_many_files", lambda: None)  # of this process
    limits = Limits(bytes_each=1, seconds_each=1, slow_each=1, bytes_together=1)
    bridge = web_process.WebBridge(lambda _environ, _start_response: [], limits)
    assert limit("statement_timeout") == "0"
    with closing(new_event_loop()) as loop:
        bridge.__rsgi_init__(loop)
    assert limit("statement_timeout") == "15s"
    assert limit("lock_timeout") == "5s"
    assert limit("idle_in_transaction_session_timeout") == "30s"
