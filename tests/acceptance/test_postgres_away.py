"""PostgreSQL stopped and started again under running processes: 503 meanwhile, then all is as before."""

import os
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from devkit.demo.push_service import push_service
from tests.acceptance.instance import Instance, instance
from tests.acceptance.processes import eventually

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    settings = {"DATABASE_LOCK_TIMEOUT": "0.5", "THROTTLE_WRITES": "off"}
    with instance(tmp_path_factory.mktemp("postgres") / "data", **settings) as running:
        yield running


def kill(running: Instance) -> None:
    """As a power cut: every process of the server at once."""
    assert running.postgres.process
    os.killpg(running.postgres.process.pid, signal.SIGKILL)
    running.postgres.process.wait()


def start_again(running: Instance) -> None:
    running.postgres.start()
    running.postgres.wait_until_ready()


def remind_soon(running: Instance, token: str) -> None:
    at = (datetime.now(UTC) + timedelta(seconds=4)).isoformat()
    assert (
        running.call("POST", "/api/tasks", {"title": "water", "reminder_at": at}, token=token).status == 201
    )


def test_while_it_is_away_and_afterwards(running: Instance) -> None:
    with push_service() as service:
        token = running.sign_up("alice@example.test")
        running.call("POST", "/api/push-subscriptions", service.subscribe().subscription, token=token)
        remind_soon(running, token)
        # What was sent and not recorded would be sent again.
        eventually(lambda: running.rows("SELECT state FROM deliveries") == [("sent",)])
        assert len(service.messages) == 1

        kill(running)
        asked = [
            ("GET", "/api/tasks", None),
            ("POST", "/api/tasks", {"title": "x"}),
            ("GET", "/api/tasks/1", None),
        ]
        for method, path, body in asked * 3:
            answer = running.call(method, path, body, token=token, X_Request_ID="asked-while-away")
            assert answer.status == 503, answer
            assert (answer.headers["Retry-After"], answer.headers["X-Request-ID"]) == (
                "5",
                "asked-while-away",
            )
            (error,) = answer.body["errors"]
            assert (answer.body["type"], error["code"]) == ("server_error", "unavailable")
        admin = running.call("GET", "/admin/", Cookie="sessionid=somebodys")
        assert (admin.status, admin.headers["Retry-After"]) == (503, "5")
        assert running.call("GET", "/healthz/live").status == 200
        assert running.call("GET", "/healthz/ready").status == 503
        assert "todo_database_up 0.0" in running.metrics()
        assert "Traceback" not in running.log("web").read_text()

        start_again(running)
        eventually(lambda: running.call("GET", "/api/tasks", token=token).status == 200)
        eventually(running.is_ready)
        assert {name: process.poll() for name, process in running.processes.items()} == dict.fromkeys(
            running.processes
        )
        remind_soon(running, token)
        eventually(lambda: len(service.messages) == 2)


def test_sessions_ended_under_load(running: Instance) -> None:
    """As a failover or an impatient operator ends them: 503 or done, never a 500, and never done in half."""
    token = running.sign_up("bob@example.test")
    answers: list[int] = []
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            answer = running.call("POST", "/api/tasks", {"title": "in one piece"}, token=token)
            answers.append(answer.status)  # at once; to count in four threads may lose one

    writers = [threading.Thread(target=write) for _ in range(4)]
    for writer in writers:
        writer.start()
    for _ in range(5):
        told = answers.count(201)
        running.rows("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid != pg_backend_pid()")
        eventually(lambda told=told: answers.count(201) > told + 5)
    stop.set()
    for writer in writers:
        writer.join()

    statuses = Counter(answers)
    assert set(statuses) <= {201, 503}, statuses
    ((tasks,),) = running.rows("SELECT count(*) FROM tasks WHERE title = 'in one piece'")
    assert statuses[201] <= tasks <= statuses[201] + statuses[503]
    eventually(lambda: running.rows("SELECT count(*) FROM outbox_events") == [(0,)])


def test_a_lock_that_is_held_ends_in_503_within_the_limit(running: Instance) -> None:
    token = running.sign_up("charlie@example.test")
    task = running.call("POST", "/api/tasks", {"title": "x"}, token=token).body["id"]
    with psycopg.connect(running.postgres.url) as holder:
        holder.execute("SELECT 1 FROM tasks WHERE id = %s FOR UPDATE", [task])
        answer = running.call("PATCH", f"/api/tasks/{task}", {"title": "y"}, token=token)
        assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
        assert answer.body["errors"][0]["code"] == "busy"
    assert running.call("PATCH", f"/api/tasks/{task}", {"title": "y"}, token=token).status == 200
