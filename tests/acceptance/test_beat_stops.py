"""Beat ends when it is asked to, whatever it is doing."""

import signal
import socket
import time

import pytest
from django.conf import settings
from django.db import connection, transaction
from redis import Redis

from tests.acceptance.processes import BEAT, eventually, running

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

# psycopg looks for signals each 0.1 s while it waits, and nothing shows from outside that it has.
_SIGNAL_SECONDS = 0.5
_WAITING = (
    "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
)


def test_asked_in_the_middle_of_a_query() -> None:
    """Celery's own handler would ask the database on the very connection whose answer is awaited."""
    broker = Redis.from_url(settings.REDIS_URL)
    broker.delete("ticks")
    with running(BEAT) as (beat,):
        eventually(lambda: broker.llen("ticks"))  # from now on it has something to write down at its end
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("LOCK TABLE django_celery_beat_periodictasks")
            eventually(_someone_waits)
            beat.send_signal(signal.SIGTERM)
            time.sleep(_SIGNAL_SECONDS)
        assert beat.wait(60) == 0


def _someone_waits() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_clear_snapshot()")  # or a transaction sees what it saw first
        cursor.execute(_WAITING)
        return bool(cursor.fetchone()[0])


def test_asked_while_redis_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """It tries to connect again and again, for most of an hour, before it comes back to its loop."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setenv("REDIS_URL", f"redis://127.0.0.1:{server.getsockname()[1]}/0")
        server.settimeout(180)
        with running(BEAT) as (beat,):
            server.accept()[0].close()
            server.close()
            beat.send_signal(signal.SIGTERM)
            assert beat.wait(60) == 0
