"""A whole instance on a real Apache Kafka: the same effects, once, whatever of it is killed."""

import json
import signal
from collections.abc import Iterator
from time import monotonic
from uuid import uuid4

import pytest
from confluent_kafka import Consumer

from tests.acceptance.instance import Instance, instance
from tests.acceptance.processes import eventually
from tests.events_app.kafka_servers import real_kafka

pytestmark = [pytest.mark.slow, pytest.mark.kafka]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    folder = tmp_path_factory.mktemp("kafka") / "data"
    with real_kafka() as kafka, pytest.MonkeyPatch.context() as patch:
        patch.setenv("KAFKA_BOOTSTRAP_SERVERS", kafka.bootstrap_servers)
        with instance(folder) as running:
            yield running


def kill(running: Instance, *names: str) -> None:
    for name in names:
        running.processes[name].kill()
        running.processes[name].wait()


def as_another_team_reads(servers: str, count: int) -> list[tuple[str, dict[str, object]]]:
    """Key and CloudEvent of the first `count` events on task-events; what comes again is dropped."""
    client = Consumer(
        {"bootstrap.servers": servers, "group.id": str(uuid4()), "auto.offset.reset": "earliest"}
    )
    client.subscribe(["task-events"])
    found: dict[object, tuple[str, dict[str, object]]] = {}
    deadline = monotonic() + 180
    while len(found) < count:
        assert monotonic() < deadline, found
        message = client.poll(1)
        if message is not None:
            assert message.error() is None
            event = json.loads(message.value() or b"")
            found.setdefault(event["id"], ((message.key() or b"").decode(), event))
    client.close()
    return list(found.values())


def test_one_successor_though_relay_and_consumers_are_killed(running: Instance) -> None:
    token = running.sign_up("alice@example.test")
    daily = {"title": "water", "due_at": "2030-05-01T09:00:00Z", "recurrence_rule": "daily"}
    task = running.call("POST", "/api/tasks", daily, token=token).body
    kill(running, "consumers", "relay")
    for action in ("complete", "complete", "reopen", "complete"):
        assert running.call("POST", f"/api/tasks/{task['id']}/{action}", token=token).status == 200
    running.start("relay")
    eventually(lambda: running.rows("SELECT count(*) FROM outbox_events") == [(0,)])
    running.start("consumers")

    def tasks() -> list[dict[str, object]]:
        return list(running.call("GET", "/api/tasks?ordering=created_at", token=token).body["results"])

    eventually(lambda: len(tasks()) == 2, seconds=300)
    kill(running, "consumers")
    running.start("consumers")
    second = tasks()[1]
    assert running.call("POST", f"/api/tasks/{second['id']}/complete", token=token).status == 200
    eventually(lambda: len(tasks()) == 3, seconds=300)
    assert [one["due_at"] for one in tasks()][1:] == ["2030-05-02T09:00:00Z", "2030-05-03T09:00:00Z"]

    events = as_another_team_reads(running.environment["KAFKA_BOOTSTRAP_SERVERS"], 7)
    first = str(task["id"])
    of_the_first = [(e["type"], int(str(e["sequence"]))) for _, e in events if e["subject"] == first]
    assert of_the_first == [
        ("task.created", 1),
        ("task.completed", 2),
        ("task.updated", 3),
        ("task.completed", 4),
    ]
    assert {key for key, _ in events} == {str(running.call("GET", "/api/me", token=token).body["id"])}
    assert {e["specversion"] for _, e in events} == {"1.0"}


def test_consumers_leave_when_they_are_asked(running: Instance) -> None:
    eventually(lambda: "consumers_started" in running.log("consumers").read_text())
    consumers = running.processes["consumers"]
    consumers.send_signal(signal.SIGTERM)
    assert consumers.wait(120) == 0
    running.start("consumers")
