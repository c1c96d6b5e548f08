"""A handler of batches on a real Kafka: many at a call, poison, a kill and a rebalance in the middle."""

import signal
import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
from confluent_kafka import Producer
from pytest_django import Settings

from benchmarks.burst import people
from events_app import groups
from events_app.consuming import GroupConsumer
from events_app.envelope import Event, from_row
from events_app.kafka import KafkaBroker
from events_app.kafka_admin import create_topics
from events_app.models import DeadLetter, OutboxEvent, ParkedEvent
from events_app.parked import retry_parked
from notifications_app.models import Delivery, Reminder
from notifications_app.scan import scan_reminders
from tests.acceptance.processes import eventually, running
from tests.events_app.kafka_servers import real_kafka
from tests.events_app.test_broker_contract import event
from tests.events_app.test_consuming import read_all, step_until
from tests.faults.wire import lag

pytestmark = [pytest.mark.slow, pytest.mark.kafka, pytest.mark.django_db(transaction=True)]

PARTITIONS = 4
REMINDERS = 20


@pytest.fixture(scope="module")
def kafka() -> Iterator[str]:
    with real_kafka() as server:
        yield server.bootstrap_servers


@pytest.fixture
def servers(kafka: str, settings: Settings) -> str:
    settings.KAFKA_BOOTSTRAP_SERVERS, settings.KAFKA_TOPIC_PARTITIONS = kafka, PARTITIONS
    create_topics()
    return kafka


class Batches:
    """A group whose handler takes batches, fails at poison, and keeps (key, subject) of each call."""

    def __init__(self) -> None:
        self.name, self.poison = f"group-{uuid4()}", ""
        self.calls: list[tuple[str, list[tuple[str, str]]]] = []
        groups.handles("reminder.due", group=self.name, in_batches=True)(self.handle)

    def handle(self, events: Sequence[Event]) -> None:
        if self.poison in [one.subject for one in events]:
            raise ZeroDivisionError
        self.calls.append((threading.current_thread().name, [(one.key, one.subject) for one in events]))

    def of(self, key: str) -> list[list[str]]:
        """The subjects of this key in each call, which may have had others too."""
        calls = ([subject for of, subject in call if of == key] for _, call in self.calls)
        return [call for call in calls if call]


@pytest.fixture
def batches(servers: str, no_handlers: None) -> Batches:
    return Batches()


def publish(*events: Event) -> None:
    assert KafkaBroker().publish(events, waiting=lambda: None) == len(events)


def is_read(servers: str, batches: Batches) -> bool:
    return lag(servers, batches.name, "reminders") == 0


def test_what_is_there_is_few_calls(servers: str, batches: Batches) -> None:
    alice, subjects = str(uuid4()), [str(number) for number in range(50)]
    publish(*(event(subject, alice) for subject in subjects))
    consumer = GroupConsumer(batches.name)
    with consumer.joined() as client:
        step_until(consumer, client, lambda: sum(map(len, batches.of(alice))) == 50)
        read_all(consumer, client)
    assert [subject for call in batches.of(alice) for subject in call] == subjects
    assert len(batches.of(alice)) < 10
    assert is_read(servers, batches)


def test_poison_in_the_middle(servers: str, batches: Batches) -> None:
    alice, bob, batches.poison = str(uuid4()), str(uuid4()), str(uuid4())
    publish(event("1", alice), event(batches.poison, alice))
    producer = Producer({"bootstrap.servers": servers, "partitioner": "murmur2_random"})
    producer.produce("reminders", key=alice, value=b"not JSON")
    assert producer.flush(60) == 0
    publish(event("3", alice), event("4", bob))
    consumer = GroupConsumer(batches.name)
    with consumer.joined() as client:
        step_until(consumer, client, lambda: ParkedEvent.objects.count() == 2 and bool(batches.of(bob)))
        step_until(consumer, client, DeadLetter.objects.exists)
        read_all(consumer, client)
    assert (batches.of(alice), batches.of(bob)) == ([["1"]], [["4"]])
    parked = ParkedEvent.objects.order_by("id").values_list("subject", "attempts")
    assert list(parked) == [(batches.poison, 1), ("3", 0)]
    assert DeadLetter.objects.get().key == alice
    assert is_read(servers, batches)


def reminders_without_deliveries() -> list[Event]:
    """The events of reminders for which the consumer has to make the deliveries, of as many users."""
    people.with_a_browser_each([f"https://push.example.net/{number}" for number in range(REMINDERS)])
    people.due_at(datetime.now(UTC))
    assert scan_reminders() == REMINDERS
    events = [from_row(row) for row in OutboxEvent.objects.filter(type="reminder.due").order_by("id")]
    Delivery.objects.all().delete()
    Reminder.objects.update(state="due")
    return events


@pytest.mark.parametrize("when", ["on_record", "later"])
def test_a_kill_in_the_middle(servers: str, tmp_path: Path, monkeypatch, when: str) -> None:
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", servers)
    monkeypatch.setenv("EVENT_FIRST_RETRY_SECONDS", "0.2")
    (tmp_path / "die").touch()
    publish(*reminders_without_deliveries())
    command = f"python -m tests.events_app.killed_in_a_batch {tmp_path / 'die'} {when}"
    with running(command) as (killed,):
        assert killed.wait(180) == -signal.SIGKILL
    # A reminder that was alone in its partition may have been handled before, by itself.
    assert Delivery.objects.count() == int((tmp_path / "before").read_text())
    assert ParkedEvent.objects.exists() == (when == "on_record")

    def is_done() -> bool:
        retry_parked()
        return Delivery.objects.count() >= REMINDERS and not ParkedEvent.objects.exists()

    with running(command):
        eventually(is_done, seconds=300)
        eventually(lambda: lag(servers, "notifications", "reminders") == 0)
    assert Delivery.objects.count() == Delivery.objects.values("user").distinct().count() == REMINDERS


def test_a_rebalance_in_the_middle(batches: Batches) -> None:
    """A second consumer comes while the first one is busy; both have the events of a key in their order."""
    keys, subjects, stopping = [str(uuid4()) for _ in range(8)], list[str](), threading.Event()

    def more_until_busy(name: str) -> bool:
        subjects.append(str(len(subjects)))
        publish(*(event(subjects[-1], key) for key in keys))
        return name in {thread for thread, _ in batches.calls}

    consumers = []
    try:
        for name in ("first", "second"):
            run = GroupConsumer(batches.name, stopping).run
            consumers.append(threading.Thread(target=run, name=name))
            consumers[-1].start()
            eventually(lambda name=name: more_until_busy(name))
        eventually(lambda: all(sum(map(len, batches.of(key))) >= len(subjects) for key in keys))
    finally:
        stopping.set()
        for consumer in consumers:
            consumer.join(120)
    for key in keys:
        # Were a session lost on a busy machine, some would come again, behind the others.
        came = [subject for call in batches.of(key) for subject in call]
        assert list(dict.fromkeys(came)) == subjects
    assert not ParkedEvent.objects.exists()
