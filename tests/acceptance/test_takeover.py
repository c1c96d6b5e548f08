"""Relays on a real Kafka: the active one is stopped and woken, Kafka is away; nothing is lost."""

import json
import re
import signal
import threading
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from time import monotonic, sleep
from uuid import uuid4

import pytest
from confluent_kafka import Consumer

from devkit.embedded.kafka.server import Kafka
from tests.acceptance.instance import Instance, instance
from tests.acceptance.processes import eventually
from tests.events_app.kafka_servers import real_kafka

pytestmark = [pytest.mark.slow, pytest.mark.kafka]

RELAYS = ("relay", "relay2")
TASKS = 5
# design.md, 4: the server ends a session that is silent for 3 s, a standby asks each second.
LONGEST_TAKEOVER_SECONDS = 120  # far above it: the machine is shared


@pytest.fixture(scope="module")
def kafka() -> Iterator[Kafka]:
    with real_kafka() as kafka:
        yield kafka


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, kafka: Kafka) -> Iterator[Instance]:
    folder = tmp_path_factory.mktemp("takeover") / "data"
    settings = {"KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers, "THROTTLE_WRITES": "off"}
    with instance(folder, **settings) as running:
        running.start("relay2")
        yield running


def taken(running: Instance, name: str) -> int:
    """How often this relay has taken the lock."""
    return running.log(name).read_text().count("relay_active")


def active_of(running: Instance) -> str:
    """The relay that took the lock last."""
    pattern = re.compile(r'"relay_active".*"timestamp": "([^"]+)"')
    times = {name: pattern.findall(running.log(name).read_text()) for name in RELAYS}
    return max(RELAYS, key=lambda name: datetime.fromisoformat((times[name] or ["1970-01-01T00:00:00Z"])[-1]))


class Writer(threading.Thread):
    """Changes a few tasks in turns until `stop`; `versions` is what was acknowledged."""

    def __init__(self, running: Instance) -> None:
        super().__init__()
        self.running, self.stopping = running, threading.Event()
        self.token = running.sign_up("alice@example.test")
        made = [self._call("POST", "/api/tasks", {"title": "task"}) for _ in range(TASKS)]
        self.versions = {str(task["id"]): 1 for task in made}

    def run(self) -> None:
        while not self.stopping.is_set():
            for task in self.versions:
                changed = self._call("PATCH", f"/api/tasks/{task}", {"title": uuid4().hex})
                self.versions[task] = changed["version"]

    def _call(self, method: str, path: str, body: object) -> dict[str, int]:
        answer = self.running.call(method, path, body, token=self.token)
        assert answer.status in (200, 201), answer
        return dict(answer.body)


def first_appearances(servers: str, expected: dict[str, int]) -> tuple[dict[str, list[int]], int]:
    """The versions of each task on task-events as they first came, all of them; and how many came again."""
    client = Consumer(
        {"bootstrap.servers": servers, "group.id": str(uuid4()), "auto.offset.reset": "earliest"}
    )
    client.subscribe(["task-events"])
    found: dict[str, list[int]] = defaultdict(list)
    seen: set[str] = set()
    again, deadline = 0, monotonic() + 180
    while {task: max(versions) for task, versions in found.items()} != expected:
        assert monotonic() < deadline, (dict(found), expected)
        message = client.poll(1)
        if message is not None and message.error() is None:
            event = json.loads(message.value() or b"")
            if event["subject"] not in expected:
                continue  # another test's
            again += event["id"] in seen
            if event["id"] not in seen:
                seen.add(event["id"])
                found[event["subject"]].append(int(event["sequence"]))
    client.close()
    return found, again


def test_the_active_relay_is_stopped_and_woken(running: Instance) -> None:
    servers = running.environment["KAFKA_BOOTSTRAP_SERVERS"]
    writer = Writer(running)
    writer.start()
    took = []
    for _ in range(3):  # the one that was woken is the standby of the next turn
        sleep(1)  # in the middle of the writing
        active = active_of(running)
        (standby,) = {*RELAYS} - {active}
        before, stopped = taken(running, standby), monotonic()
        running.processes[active].send_signal(signal.SIGSTOP)
        eventually(lambda n=standby, b=before: taken(running, n) > b, seconds=LONGEST_TAKEOVER_SECONDS)
        took.append(monotonic() - stopped)
        running.processes[active].send_signal(signal.SIGCONT)
        eventually(lambda a=active: "relay_lost_the_database" in running.log(a).read_text())
    writer.stopping.set()
    writer.join()
    eventually(lambda: running.rows("SELECT count(*) FROM outbox_events") == [(0,)])
    found, again = first_appearances(servers, writer.versions)
    changes = sum(map(len, found.values()))
    times = ", ".join(f"{one:.1f} s" for one in took)
    print(f"\ntakeovers after {times}; {changes} changes, {again} came again")
    assert found == {task: list(range(1, last + 1)) for task, last in writer.versions.items()}


def test_the_api_does_not_wait_for_a_kafka_that_is_away(running: Instance, kafka: Kafka) -> None:
    """Events wait in the outbox; a relay that is asked to stop meanwhile does not hang."""
    token = running.sign_up("bob@example.test")
    task = running.call("POST", "/api/tasks", {"title": "before"}, token=token).body["id"]
    eventually(lambda: running.rows("SELECT count(*) FROM outbox_events") == [(0,)])
    assert kafka.process is not None
    kafka.process.send_signal(signal.SIGSTOP)
    try:
        for number in range(20):
            answer = running.call("PATCH", f"/api/tasks/{task}", {"title": f"{number}"}, token=token)
            assert answer.status == 200
        assert running.rows("SELECT count(*) FROM outbox_events") == [(40,)]
        active = active_of(running)
        relay = running.processes[active]
        relay.terminate()
        assert relay.wait(60) == 0, running.log(active).read_text()
    finally:
        kafka.process.send_signal(signal.SIGCONT)
        running.start(active)
    eventually(lambda: running.rows("SELECT count(*) FROM outbox_events") == [(0,)])
