import socket
from collections.abc import Callable, Iterator
from datetime import timedelta
from time import monotonic
from typing import Any

import pytest
import time_machine
import tzdata
from django.conf import settings as project
from django.db import connection, connections
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from events_app.release import VERSION
from events_app.shards import LOCK_ID
from todo_project import health
from todo_project.models import TickRun


def ready(**parameters: str) -> tuple[int, dict[str, Any]]:
    """The status and the body, which must come: what hangs here hangs for good."""
    started = monotonic()
    answer = Client().get("/healthz/ready", parameters)
    assert monotonic() - started < health.ANSWER_WITHIN_SECONDS + 60  # on a busy machine
    body: dict[str, Any] = answer.json()
    return answer.status_code, body


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine a server may need longer than an orchestrator waits."""
    monkeypatch.setattr(health, "ANSWER_WITHIN_SECONDS", 20.0)


@pytest.fixture
def scan(transactional_db: None) -> TickRun:
    """The reminder scan has just run."""
    return TickRun.objects.create(name="scan-reminders", last_run_at=timezone.now())


@pytest.fixture
def relay(scan: TickRun) -> Iterator[None]:
    """Another session that holds the relay's lock; the scan has run too."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [LOCK_ID])
        yield
        cursor.execute("SELECT pg_advisory_unlock(%s)", [LOCK_ID])


@pytest.fixture
def silent_port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """The port of a server that takes connections and says nothing, which is waited for."""
    monkeypatch.setattr(health, "ANSWER_WITHIN_SECONDS", 4.0)
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]
    for pool in (health._DATABASE, health._STATE_STORE):
        pool.submit(int).result(timeout=60)  # its connections are reset now: nothing hangs any more


@pytest.fixture
def move_database(db: None, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """`move_database(port)`: new connections look for the database there."""

    def move(port: int) -> None:
        for name, value in {"HOST": "127.0.0.1", "PORT": port, "OPTIONS": {}}.items():
            monkeypatch.setitem(connections.settings["default"], name, value)

    return move


def test_alive_asks_no_one() -> None:
    answer = Client().get("/healthz/live")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    assert Client().post("/healthz/live").status_code == 405


@pytest.mark.usefixtures("relay")
def test_with_everything_there_it_is_ready() -> None:
    names = ("database", "migrations", "writes", "relay", "reminder_scan", "state_store")
    status, body = ready()
    assert 0 <= body["seconds_since_ticks"].pop("scan-reminders") < 60
    assert set(body.pop("seconds_since_ticks").values()) == {None}
    checks = dict.fromkeys(names, "ok")
    assert status == 200
    releases = {"zone_data": tzdata.IANA_VERSION, "version": VERSION}
    assert body == {"status": "ok", "not_ready": [], "checks": checks} | releases
    assert ready(all="true")[0] == 200


@pytest.mark.usefixtures("relay")
@pytest.mark.parametrize(
    ("ago", "trouble"),
    [
        (timedelta(seconds=61), "has not run for 61 s"),
        (timedelta(hours=6), "has not run for 21600 s"),
        (-timedelta(hours=6), "has not run yet"),  # a clock was ahead
    ],
)
def test_a_scan_that_does_not_run_is_named_and_takes_the_web_out_of_no_load_balancer(
    scan: TickRun, ago: timedelta, trouble: str
) -> None:
    with time_machine.travel(timezone.now(), tick=False):
        scan.last_run_at = timezone.now() - ago
        scan.save()
        status, body = ready()
        assert (status, body["not_ready"]) == (200, ["reminder_scan"])
        assert body["checks"]["reminder_scan"] == trouble
        assert ready(all="true")[0] == 503


@pytest.mark.usefixtures("relay")
def test_it_says_how_long_ago_each_tick_has_run() -> None:
    TickRun.objects.create(name="purge-trash", last_run_at=timezone.now() - timedelta(minutes=10))
    ages = ready()[1]["seconds_since_ticks"]
    assert set(ages) == set(project.CELERY_BEAT_SCHEDULE)
    assert ages["purge-trash"] == pytest.approx(600, abs=30)


@pytest.mark.usefixtures("scan")
def test_without_a_relay_requests_are_still_taken() -> None:
    status, body = ready()
    assert (status, body["status"], body["not_ready"]) == (200, "ok", ["relay"])
    assert body["checks"]["relay"] == "no relay is active"
    status, body = ready(all="true")
    assert (status, body["status"], body["not_ready"]) == (503, "not ready", ["relay"])


@pytest.mark.usefixtures("relay")
def test_without_the_state_store_requests_are_still_taken(settings: Settings, free_port: int) -> None:
    settings.REDIS_URL = f"redis://127.0.0.1:{free_port}/0"
    started = monotonic()
    assert (ready()[0], ready()[1]["not_ready"]) == (200, ["state_store"])
    assert ready(all="true")[0] == 503
    assert monotonic() - started < 2 * health.ANSWER_WITHIN_SECONDS  # three of them: it is not waited for


@pytest.mark.usefixtures("relay")
def test_a_state_store_that_hangs_is_reported_in_time(settings: Settings, silent_port: int) -> None:
    settings.REDIS_URL = f"redis://127.0.0.1:{silent_port}/0"
    status, body = ready()
    assert (status, body["checks"]["state_store"]) == (200, "does not answer")


def test_without_the_database_it_is_not_ready(move_database: Callable[[int], None], free_port: int) -> None:
    move_database(free_port)
    status, body = ready()
    assert (status, body["status"]) == (503, "not ready")
    assert body["not_ready"] == ["database", "migrations", "writes", "relay", "reminder_scan"]
    assert body["seconds_since_ticks"] == {}
    assert body["checks"] == {
        "database": "does not answer",
        "migrations": "unknown while the database does not answer",
        "writes": "unknown while the database does not answer",
        "relay": "unknown while the database does not answer",
        "reminder_scan": "unknown while the database does not answer",
        "state_store": "ok",
    }


@pytest.mark.slow
def test_a_database_that_hangs_is_reported_in_time_each_time(
    move_database: Callable[[int], None], silent_port: int
) -> None:
    move_database(silent_port)
    for _ in range(2):
        status, body = ready()
        assert (status, body["checks"]["database"]) == (503, "does not answer")
        assert body["checks"]["state_store"] == "ok"


@pytest.mark.django_db(transaction=True)
def test_a_migration_that_is_missing_is_named() -> None:
    recorder = MigrationRecorder(connection)
    (newest,) = [name for app, name in health.newest_migrations() if app == "tasks_app"]
    recorder.record_unapplied("tasks_app", newest)
    try:
        status, body = ready()
    finally:
        recorder.record_applied("tasks_app", newest)
    assert status == 503
    assert body["checks"]["migrations"] == f"not applied: tasks_app.{newest}"
    assert "migrations" in body["not_ready"]
    assert ready()[0] == 200


@pytest.mark.usefixtures("relay")
def test_a_full_disk_is_not_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    full = "DO $$ BEGIN RAISE EXCEPTION 'No space left on device' USING ERRCODE = 'disk_full'; END $$"
    monkeypatch.setattr(health, "WRITE_PROBE", full)
    status, body = ready()
    assert (status, body["status"]) == (503, "not ready")
    assert body["not_ready"] == ["writes"]
    assert body["checks"]["writes"] == "PostgreSQL's disk is full"
    monkeypatch.undo()
    assert ready()[0] == 200


@pytest.mark.usefixtures("relay")
def test_a_database_that_takes_no_writes_is_not_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    """A standby, or a service that has made the database read-only because its disk is nearly full."""
    options = connections.settings["default"]["OPTIONS"]
    read_only = f"{options.get('options', '')} -c default_transaction_read_only=on"
    monkeypatch.setitem(connections.settings["default"], "OPTIONS", options | {"options": read_only})
    status, body = ready()
    assert (status, body["checks"]["writes"]) == (503, "PostgreSQL is read-only")
    assert body["checks"]["database"] == "ok"


@pytest.mark.django_db
def test_the_probe_writes_a_file() -> None:
    """Smaller, or with more memory, it would stay in memory and succeed on a full disk."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL work_mem = '64kB'")
        cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS) {health.WRITE_PROBE}")
        assert "written=" in str(cursor.fetchall())


@pytest.mark.django_db
def test_it_leaves_no_connection_behind() -> None:
    ready()
    assert health._DATABASE.submit(lambda: connection.connection).result(timeout=60) is None
