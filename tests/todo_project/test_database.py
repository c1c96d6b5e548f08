"""Persistent connections that the server has ended, and timestamps as the database writes them."""

from datetime import UTC, datetime

import psycopg
import pytest
from django.core.signals import request_started
from django.db import DataError, connection

from tests.monotonic import Monotonic
from todo_project import connections
from todo_project.connections import TRUSTED_SECONDS, trust_connection_in_use


@pytest.fixture
def pid(transactional_db: None) -> int:
    """The server process of the connection that the last request used."""
    connection.close()  # an older one could become obsolete (CONN_MAX_AGE) within the test
    return process()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Monotonic:
    clock = Monotonic()
    monkeypatch.setattr(connections, "time", clock)
    # Django's test client connects Django's own receiver again, after ours; a server never does.
    request_started.disconnect(trust_connection_in_use)
    request_started.connect(trust_connection_in_use)
    return clock


def process() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        found: int = cursor.fetchone()[0]
    return found


def test_the_next_request_uses_the_persistent_connection(pid: int) -> None:
    connection.close_if_unusable_or_obsolete()
    assert process() == pid


def test_a_connection_that_the_server_ended_is_replaced(pid: int) -> None:
    end(pid)
    connection.close_if_unusable_or_obsolete()
    assert process() != pid


def test_a_request_right_after_another_does_not_ask_for_its_connection(pid: int, clock: Monotonic) -> None:
    request_started.send(sender=None)
    clock.now += TRUSTED_SECONDS / 2
    request_started.send(sender=None)
    assert connection.health_check_done
    assert process() == pid


def test_a_request_right_after_another_notices_that_the_server_ended_its_connection(
    pid: int, clock: Monotonic
) -> None:
    request_started.send(sender=None)
    end(pid)
    clock.now += TRUSTED_SECONDS / 2
    request_started.send(sender=None)
    assert not connection.health_check_done
    assert process() != pid


def test_a_connection_that_has_been_idle_is_checked(pid: int, clock: Monotonic) -> None:
    request_started.send(sender=None)
    clock.now += TRUSTED_SECONDS
    request_started.send(sender=None)
    assert not connection.health_check_done


def end(pid: int) -> None:
    """End the session of this process from another one."""
    with psycopg.connect(
        connection.connection.info.dsn, password=connection.settings_dict["PASSWORD"]
    ) as other:
        assert other.execute("SELECT pg_terminate_backend(%s, 10000)", [pid]).fetchone() == (True,)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-22 01:02:03+00", datetime(2026, 11, 22, 1, 2, 3, tzinfo=UTC)),
        ("2026-11-22 01:02:03.5+02", datetime(2026, 11, 21, 23, 2, 3, 500_000, tzinfo=UTC)),
        ("0001-01-01 00:00:00.000007+00", datetime(1, 1, 1, microsecond=7, tzinfo=UTC)),
    ],
)
def test_a_time_is_read_in_utc(text: str, expected: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s::timestamptz", [text])
        (found,) = cursor.fetchone()
    assert (found, found.tzinfo) == (expected, UTC)


@pytest.mark.django_db
@pytest.mark.parametrize("text", ["infinity", "10000-01-01 00:00:00+00", "0001-01-01 00:00:00+00 BC"])
def test_a_time_that_python_cannot_hold_is_an_error(text: str) -> None:
    with connection.cursor() as cursor, pytest.raises(DataError):
        cursor.execute("SELECT %s::timestamptz", [text])
        cursor.fetchone()
