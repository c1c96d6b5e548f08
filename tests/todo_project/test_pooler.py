"""Behind PgBouncer in transaction mode: requests work, and the relay keeps its lock past it."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from django.db import connection, connections
from pytest_django import Settings
from rest_framework.test import APIClient

from accounts_app.models import User
from database.direct_connection import use_direct_connection
from events_app.models import OutboxEvent
from events_app.relay import relay_is_active
from http_app.session_limits import limit_sessions
from tasks_app.models import Task
from tests.acceptance.processes import RELAY, ROOT, environment, eventually, running
from tests.todo_project.pooler import pooler

_SAY = """
import os; os.environ["DJANGO_SETTINGS_MODULE"] = "todo_project.settings"
import json; from django.conf import settings
print(json.dumps([settings.DATABASES["default"], settings.DIRECT_DATABASE]))
"""


def databases(**urls: str) -> list[dict[str, object]]:
    """DATABASES["default"] and DIRECT_DATABASE of a process with these URLs."""
    said = subprocess.run([sys.executable, "-c", _SAY], env=os.environ | urls, capture_output=True, cwd=ROOT)
    assert said.returncode == 0, said.stderr
    return list(json.loads(said.stdout))


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_requests_through_a_pooler_and_a_relay_past_it(
    alice: User, client_of: Callable[[User], APIClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    direct = environment()["DATABASE_URL"]
    with pooler(direct) as pooled:
        through, past = databases(
            DATABASE_URL=pooled,
            DATABASE_DIRECT_URL=direct,
            DATABASE_LOCK_TIMEOUT="5",
            DATABASE_CONN_MAX_AGE="60",
        )
        assert "lock_timeout" in str(past)
        assert "lock_timeout" not in str(through)
        before = dict(connections.settings["default"])
        connection.close()
        monkeypatch.setattr("http_app.session_limits.settings.DIRECT_DATABASE", past)
        connections.settings["default"] |= through
        try:
            limit_sessions(statement_timeout=15)  # it would be refused: such a session is shared by all
            _write_and_read(client_of, alice)
            assert not relay_is_active()
            monkeypatch.setenv("DATABASE_URL", pooled)
            monkeypatch.setenv("DATABASE_DIRECT_URL", direct)
            with running(RELAY):
                eventually(relay_is_active)
                eventually(lambda: not OutboxEvent.objects.exists())
                with psycopg.connect(direct) as server:
                    clients = server.execute(
                        "SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid)"
                        " WHERE locktype = 'advisory' AND client_addr IS NULL AND query NOT LIKE '%pg_locks%'"
                        " AND datname = current_database()"
                    ).fetchone()
                assert clients == (1,)
        finally:
            connection.close()
            connections.settings["default"].clear()
            connections.settings["default"].update(before)


def _write_and_read(client_of: Callable[[User], APIClient], alice: User) -> None:
    def use(number: int) -> set[int]:
        try:
            client = client_of(alice)
            made = {client.post("/api/tasks", {"title": f"{number}"}).data["id"] for _ in range(5)}
            assert all(client.get(f"/api/tasks/{task}").status_code == 200 for task in made)
            assert client.get("/api/tasks").status_code == 200
            return made
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        made = set().union(*pool.map(use, range(6)))
    assert len(made) == 30
    # A cursor of the server would need one session for all of its rows.
    assert {task.pk for task in Task.objects.iterator(chunk_size=2)} == made


@pytest.mark.django_db(transaction=True)
def test_a_process_goes_directly_when_it_asks_to(settings: Settings) -> None:
    before = dict(connections.settings["default"])
    settings.DIRECT_DATABASE = {"OPTIONS": before["OPTIONS"] | {"application_name": "direct"}}
    try:
        use_direct_connection()
        with connection.cursor() as cursor:
            cursor.execute("SHOW application_name")
            assert cursor.fetchone() == ("direct",)
    finally:
        connections.settings["default"].update(before)
        connection.close()
