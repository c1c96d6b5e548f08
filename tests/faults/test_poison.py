"""One message in a hundred is poison: all of it becomes dead letters, and other keys do not wait for it.

Rounds with and without poison take turns in one run. The short run is among the slow tests, the full one is
`./todo test -n 0 -s -m faults tests/faults/test_poison.py`; POISON_SECONDS is how long each of
ten rounds takes.
"""

import json
import os
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, quantiles
from uuid import uuid4

import pytest
from confluent_kafka import Consumer, Message, Producer, TopicPartition
from django.utils import timezone
from pytest_django import Settings

from events_app.envelope import Event, to_wire
from events_app.kafka_admin import create_topics
from tests.acceptance.processes import eventually, running
from tests.events_app.kafka_servers import real_kafka
from tests.faults.wire import partitions

pytestmark = [pytest.mark.kafka, pytest.mark.django_db(transaction=True)]

PER_SECOND = 100
ONE_IN = 100
ROUNDS = 10
USERS = 40
# Of one partition the first messages are handled on record, which takes longer: the warm-up is past them.
PARTITIONS = 1
WARM_UP_SECONDS = 5
PATIENCE_SECONDS = 300
ATTEMPTS = 3
TYPES = {"reminders": "reminder.due", "task-events": "task.updated", "task-updates": "task.sync"}
# What Kafka takes, and no row or reader of ours should have to.
_NEARLY_TOO_LARGE = 990_000
_MALFORMED = [
    b"",
    b"not JSON",
    b"[]",
    b'{"specversion": "1.0"}',
    b"\xff\xfe",
    b"[" * 50_000,
    b'{"type": "\\ud800"}',
]


@dataclass
class Patient:
    """What the group has noted (`tests/faults/patient.py`)."""

    notes: Path
    name: str = field(default_factory=lambda: f"patient-{uuid4()}")

    def waits(self, request_id: str) -> list[float]:
        """Seconds from produced to handled, of the events of one round."""
        return [waited for noted, _, _, waited in self._noted() if noted == request_id]

    def order(self) -> dict[str, list[int]]:
        """The sequences in which each task's events were handled."""
        order: dict[str, list[int]] = defaultdict(list)
        for _, subject, sequence, _ in self._noted():
            order[subject].append(sequence)
        return order

    def _noted(self) -> list[tuple[str, str, int, float]]:
        """The first time of each: a session that a busy machine lost would have some come again."""
        whole, _, _ = (self.notes.read_text() if self.notes.exists() else "").rpartition("\n")
        lines = whole.splitlines()  # without a last one that is half written
        noted: dict[tuple[str, int], tuple[str, str, int, float]] = {}
        for request_id, subject, sequence, waited in map(json.loads, lines):
            noted.setdefault((subject, sequence), (request_id, subject, sequence, waited))
        return list(noted.values())


@dataclass
class Poisoner:
    """Produces healthy events at an even pace, and poison among them on request."""

    producer: Producer
    healthy: int = 0
    poisoned: int = 0
    # By its mark (what is no event) or its id: topic, partition and offset.
    poison: dict[str, tuple[str, int, int]] = field(default_factory=dict)
    tasks: list[str] = field(default_factory=list)

    def round(self, name: str, seconds: float, *, poison: bool) -> None:
        users = [str(uuid4()) for _ in range(USERS)]
        began = time.monotonic()
        for number in range(int(PER_SECOND * seconds)):
            time.sleep(max(0.0, began + number / PER_SECOND - time.monotonic()))
            topic = [*TYPES][number % len(TYPES)]
            self._produce(event(topic, users[number % USERS], sequence=number + 1, request_id=name))
            self.healthy += 1
            if poison and number % ONE_IN == 0:
                self._poison(topic, self.poisoned)
                self.poisoned += 1
            self.producer.poll(0)
        assert self.producer.flush(120) == 0

    def _poison(self, topic: str, number: int) -> None:
        kind = number % 3
        if kind == 0:
            self._produce_raw(topic, _MALFORMED[number // 3 % len(_MALFORMED)])
        elif kind == 1:
            self._produce_raw(topic, b"x" * _NEARLY_TOO_LARGE)
        else:
            self._crash(topic)

    def _crash(self, topic: str) -> None:
        """An event whose handler raises, and three later ones of the same task."""
        task, user = str(uuid4()), str(uuid4())
        self.tasks.append(task)
        crashing = event(topic, user, sequence=0, subject=task)
        self._produce(crashing, mark=str(crashing.id))
        for sequence in (1, 2, 3):
            self._produce(event(topic, user, sequence=sequence, subject=task))

    def _produce(self, one: Event, mark: str = "") -> None:
        value = json.dumps(to_wire(one)).encode()
        self.producer.produce(one.topic, key=one.key, value=value, on_delivery=self._noting(mark))

    def _produce_raw(self, topic: str, value: bytes) -> None:
        mark = str(uuid4())
        self.producer.produce(topic, key=str(uuid4()), value=value, headers=[("mark", mark.encode())],
                              on_delivery=self._noting(mark))  # fmt: skip

    def _noting(self, mark: str) -> Callable[[object, Message], None]:
        def note(error: object, message: Message) -> None:
            assert error is None, error
            if mark:
                self.poison[mark] = (
                    str(message.topic()),
                    int(message.partition() or 0),
                    int(message.offset() or 0),
                )

        return note


def event(topic: str, user: str, *, sequence: int, subject: str = "", request_id: str = "") -> Event:
    now = timezone.now()
    return Event(
        id=uuid4(), topic=topic, type=TYPES[topic], key=user, subject=subject or str(uuid4()),
        sequence=sequence, time=now, data=_data(topic, user, now.isoformat()),
        request_id=request_id or "later",
    )  # fmt: skip


def _data(topic: str, user: str, now: str) -> dict[str, object]:
    ids: dict[str, object] = {"task_id": 1, "user_id": user}
    if topic == "reminders":
        return ids | {"title": "water", "reminder_at": now, "due_at": None}
    if topic == "task-updates":
        return ids | {"event_type": "sync", "changes": {"title": "water"}, "timestamp": now}
    task = {
        "id": 1, "user_id": user, "title": "water", "description": None, "completed": False,
        "completed_at": None, "color": "default", "pinned": False, "archived": False, "deleted_at": None,
        "due_at": None, "reminder_at": None, "reminder_offsets": [], "reminder_sent": False,
        "snoozed_until": None,
        "is_recurring": False, "recurrence_rule": None, "recurrence_end": None, "recurrence_mode": "fixed",
        "timezone": "UTC", "occurrence_at": None, "parent_task_id": None, "recurring_task_id": None,
        "priority_id": 2, "tag_ids": [], "series_id": None, "anchor_local": None, "version": 1,
        "created_at": now, "updated_at": now,
    }  # fmt: skip
    told = {"event_type": "updated", "task_data": task, "timestamp": now}
    return ids | told | {"is_recurring": False, "recurrence_rule": None}


@pytest.fixture
def servers(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    with real_kafka() as kafka:
        settings.KAFKA_BOOTSTRAP_SERVERS = kafka.bootstrap_servers
        settings.KAFKA_TOPIC_PARTITIONS = PARTITIONS
        create_topics()
        surroundings = {
            "KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
            "EVENT_MAX_ATTEMPTS": str(ATTEMPTS),
            "EVENT_FIRST_RETRY_SECONDS": "0.2",
        }
        for name, value in surroundings.items():
            monkeypatch.setenv(name, value)
        yield kafka.bootstrap_servers


@pytest.fixture
def patient(servers: str, tmp_path: Path) -> Iterator[Patient]:
    """With a consumer, and a process that retries parked events and publishes dead letters."""
    patient = Patient(tmp_path / "notes.jsonl")
    command = "python -m tests.faults.patient {} {} {}"
    with running(*(command.format(what, patient.name, patient.notes) for what in ("consume", "retry"))):
        yield patient


def dead_letters(servers: str) -> list[tuple[str, dict[str, bytes]]]:
    """Topic and headers of all there are."""
    topics = [f"{topic}.dlq" for topic in TYPES]
    reader = Consumer({"bootstrap.servers": servers, "group.id": str(uuid4())})
    ends = {
        (one.topic, one.partition): reader.get_watermark_offsets(one)[1]
        for one in partitions(reader, *topics)
    }
    reader.assign([TopicPartition(topic, number, 0) for topic, number in ends])
    found = []
    while len(found) < sum(ends.values()):
        found += [(str(one.topic()), dict(one.headers() or [])) for one in reader.consume(1000, timeout=1)]
    reader.close()
    return found


def handled(patient: Patient, name: str, sent: int) -> list[float]:
    """Seconds from produced to handled, of every event of the round."""
    eventually(lambda: len(patient.waits(name)) >= sent, seconds=PATIENCE_SECONDS)
    waits = patient.waits(name)
    assert len(waits) == sent
    return waits


def poison_run(servers: str, patient: Patient, seconds: float) -> float:
    """p99 of produce -> handled with poison, divided by that without (medians of the rounds)."""
    settings = {"partitioner": "murmur2_random", "message.max.bytes": 1_000_000, "linger.ms": 0}
    poisoner = Poisoner(Producer({"bootstrap.servers": servers} | settings))
    poisoner.round("warm-up", WARM_UP_SECONDS, poison=False)
    handled(patient, "warm-up", int(PER_SECOND * WARM_UP_SECONDS))
    p99: dict[bool, list[float]] = {False: [], True: []}
    for number in range(ROUNDS):
        name, poison = f"round-{number}", number % 2 == 1
        poisoner.round(name, seconds, poison=poison)
        waits = handled(patient, name, int(PER_SECOND * seconds))
        p99[poison].append(quantiles(waits, n=100)[98] * 1000)
    assert_all_poison_is_dead(servers, poisoner)
    for task in poisoner.tasks:
        eventually(lambda task=task: len(patient.order()[task]) == 3, seconds=PATIENCE_SECONDS)
        assert patient.order()[task] == [1, 2, 3]
    without, with_poison = median(p99[False]), median(p99[True])
    print(
        f"\n{poisoner.healthy} healthy, {poisoner.poisoned} poisoned messages,"
        f" {len(poisoner.poison)} dead letters with their origin,"
        f" {len(poisoner.tasks)} poisoned tasks in their order\np99 of produce -> handled:"
        f" {without:.1f} ms without poison {[round(one, 1) for one in p99[False]]},"
        f" {with_poison:.1f} ms with {[round(one, 1) for one in p99[True]]},"
        f" ratio {with_poison / without:.2f}"
    )
    return with_poison / without


def assert_all_poison_is_dead(servers: str, poisoner: Poisoner) -> None:
    eventually(lambda: len(dead_letters(servers)) >= poisoner.poisoned, seconds=PATIENCE_SECONDS)
    found = dead_letters(servers)
    assert len(found) == poisoner.poisoned == len(poisoner.poison)
    for topic, headers in found:
        mark = (headers.get("mark") or headers["id"]).decode()
        origin = (headers["topic"].decode(), int(headers["partition"]), int(headers["offset"]))
        assert origin == poisoner.poison[mark]
        assert topic == f"{origin[0]}.dlq"
        assert headers["error"]
        assert headers["group"].startswith(b"patient-")
        assert int(headers["attempts"]) == (1 if "mark" in headers else ATTEMPTS)


@pytest.mark.slow
def test_some_seconds(servers: str, patient: Patient) -> None:
    # Among other tests, on a busy machine: the figure is the full run's.
    assert poison_run(servers, patient, seconds=2) < 50


@pytest.mark.faults
def test_all_of_it(servers: str, patient: Patient) -> None:
    assert poison_run(servers, patient, seconds=float(os.environ.get("POISON_SECONDS", "20"))) <= 1.10
