"""Persistent connections that the server has ended, and timestamps as the database writes them."""

from datetime import UTC, datetime

import psycopg
import pytest
from django.db import DataError, connection


@pytest.fixture
def pid(transactional_db: None) -> int:
    """The server process of the connection that the last request used."""
    connection.ensure_connection()
    connection.close_if_unusable_or_obsolete()
    return process()


def process() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        found: int = cursor.fetchone()[0]
    return found


def test_the_next_request_uses_the_persistent_connection(pid: int) -> None:
    connection.close_if_unusable_or_obsolete()
    assert process() == pid


def test_a_connection_that_the_server_ended_is_replaced(pid: int) -> None:
    with psycopg.connect(
        connection.connection.info.dsn, password=connection.settings_dict["PASSWORD"]
    ) as other:
        assert other.execute("SELECT pg_terminate_backend(%s, 10000)", [pid]).fetchone() == (True,)
    connection.close_if_unusable_or_obsolete()
    assert process() != pid


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
