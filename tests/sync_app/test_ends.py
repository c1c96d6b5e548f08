"""Why a stream ends, and what it uses while it is open."""

import signal
import time
from collections.abc import Callable
from datetime import timedelta

import psutil
import pytest
from django.db import connection, transaction
from django.utils import timezone

from accounts_app.api_tokens import create_api_token
from accounts_app.models import User
from tests.acceptance.calls import call
from tests.acceptance.processes import eventually
from tests.sync_app.conftest import StreamServer, task_ids, tell, token_of

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]


def sessions() -> int:
    """Connections of other processes to the test's database."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )
        return int(cursor.fetchone()[0])


def test_no_stream_holds_a_connection_to_the_database(
    serve: Callable[..., StreamServer], alice: User
) -> None:
    server = serve(STREAM_CHECK_SECONDS="0.2")
    clients = [server.connect(alice) for _ in range(5)]
    assert [client.next().event for client in clients] == ["ready"] * 5
    eventually(lambda: sessions() == 0)


def test_a_stream_ends_soon_after_its_account(
    serve: Callable[..., StreamServer], alice: User, bob: User
) -> None:
    server = serve(STREAM_CHECK_SECONDS="0.2")
    closed, open_ = server.connect(alice), server.connect(bob)
    assert [closed.next().event, open_.next().event] == ["ready"] * 2
    User.objects.filter(pk=alice.pk).update(is_active=False)
    assert closed.next() is None
    task_id = next(task_ids)
    tell(bob, task_id)
    assert open_.next().data["task_id"] == task_id


def test_a_stream_ends_with_its_token(serve: Callable[..., StreamServer], alice: User) -> None:
    server = serve()
    until = timezone.now() + timedelta(seconds=15)
    with transaction.atomic():
        _, secret = create_api_token(alice, name="short", scopes=["read"], expires_at=until)
    client = server.client(token=secret).open()
    assert client.next().event == "ready"
    assert client.next() is None
    assert timezone.now() >= until - timedelta(milliseconds=1)  # the timer counts by another clock


def test_silence_is_filled_by_heartbeats(serve: Callable[..., StreamServer], alice: User) -> None:
    client = serve(STREAM_HEARTBEAT_SECONDS="0.1").connect(alice)
    client.next()
    for _ in range(20):
        time.sleep(0.3)
        tell(alice, next(task_ids))
        client.next()
        if client.heartbeats >= 2:
            return
    pytest.fail("There were no two heartbeats.")


def test_a_stop_ends_streams_at_once_and_they_are_gone_on_with(
    serve: Callable[..., StreamServer], alice: User
) -> None:
    server = serve()
    client = server.connect(alice)
    event_id = client.next().id
    server.process.send_signal(signal.SIGTERM)
    assert client.next() is None
    assert server.process.wait(60) == -signal.SIGTERM  # uvicorn ends itself by the signal it received
    missed = next(task_ids)
    tell(alice, missed)
    again = serve().connect(alice, event_id)
    assert (again.next().event, again.next().data["task_id"]) == ("ready", missed)


def test_who_does_not_read_is_cut_off_and_harms_no_one(
    serve: Callable[..., StreamServer], alice: User, bob: User
) -> None:
    server = serve(STREAM_SEND_TIMEOUT_SECONDS="1")
    reading = server.connect(bob)
    reading.next()
    deaf = server.client(token=token_of(alice), receive_buffer=4096)
    eventually(lambda: open_streams(server) == 2)
    for _ in range(400):
        tell(alice, next(task_ids), text='{"much": "' + "x" * 2_000 + '"}')
    own = next(task_ids)
    tell(bob, own)
    assert reading.next().data["task_id"] == own
    eventually(lambda: open_streams(server) == 1)
    # The system keeps nothing of it either: the connection is reset, not closed.
    eventually(lambda: established(server.port, deaf) == 0)


def open_streams(server: StreamServer) -> int:
    answer = call(server.metrics_port, "GET", "/metrics")
    lines = [line for line in str(answer.body).splitlines() if line.startswith("todo_stream_connections ")]
    return int(float(lines[0].split()[1]))


def established(port: int, client: object) -> int:
    """The server's side of this client's connections, as the system lists them."""
    name = client._socket.getsockname()[1]  # type: ignore[attr-defined]
    return sum(
        found.laddr.port == port and bool(found.raddr) and found.raddr.port == name
        for found in psutil.net_connections("tcp")
        if found.status != psutil.CONN_TIME_WAIT
    )
