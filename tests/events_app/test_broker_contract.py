"""What every broker promises, held by the one in this process, librdkafka's mock and a real Apache Kafka."""

import os
from collections.abc import Callable, Iterator
from time import monotonic
from uuid import uuid4

import pytest
from confluent_kafka import Message, Producer
from django.conf import settings
from django.utils import timezone
from pytest_django import Settings

from events_app import groups
from events_app.brokers import Broker, InProcessBroker, PublishError, broker_of_settings
from events_app.envelope import Event
from events_app.kafka import GroupConsumer, KafkaBroker, create_topics
from events_app.models import ParkedEvent
from tests.events_app.kafka_servers import mock_cluster, real_kafka

pytestmark = [pytest.mark.django_db, pytest.mark.slow, pytest.mark.kafka]

PATIENCE_SECONDS = 60


class Group:
    """A group whose handler fails for the subjects in `poison`, and keeps what it has handled, by key."""

    def __init__(self) -> None:
        self.name = f"group-{uuid4()}"
        self.poison: set[str] = set()
        self.handled: dict[str, list[str]] = {}
        groups.handles("reminder.due", group=self.name)(self.handle)

    def handle(self, event: Event) -> None:
        if event.subject in self.poison:
            raise ZeroDivisionError(event.subject)
        self.handled.setdefault(event.key, []).append(event.subject)


class Rig:
    """A broker and, where it needs them, the consumers of the groups."""

    def __init__(self, broker: Broker) -> None:
        self.broker = broker

    def publish(self, *events: Event) -> None:
        assert self.broker.publish(events, waiting=lambda: None) == len(events)

    def until(self, group: Group, reached: Callable[[], bool]) -> None:
        """Let the group consume until it has got there."""
        if isinstance(self.broker, InProcessBroker):
            assert reached()
            return
        consumer = GroupConsumer(group.name)
        with consumer.joined() as client:
            deadline = monotonic() + PATIENCE_SECONDS
            while not reached():
                assert monotonic() < deadline
                consumer.step(client)


@pytest.fixture(scope="session")
def mock() -> Iterator[str]:
    with mock_cluster() as servers:
        yield servers


@pytest.fixture(scope="session")
def kafka() -> Iterator[str]:
    if given := os.environ.get("KAFKA_BOOTSTRAP_SERVERS"):
        yield given
        return
    with real_kafka() as server:
        yield server.bootstrap_servers


@pytest.fixture(params=["in_process", "mock", "kafka"])
def rig(request: pytest.FixtureRequest, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Rig:
    monkeypatch.setattr(groups, "_handlers", groups.defaultdict(dict))
    if request.param != "in_process":
        settings.KAFKA_BOOTSTRAP_SERVERS = request.getfixturevalue(request.param)
        settings.KAFKA_TOPIC_PARTITIONS = 3
    if request.param == "kafka":
        create_topics()  # the mock makes them as they are named
    return Rig(broker_of_settings())


def event(subject: str, key: str) -> Event:
    data = {
        "task_id": 1,
        "user_id": str(uuid4()),
        "title": "one",
        "reminder_at": "2030-01-01T00:00:00Z",
        "due_at": None,
    }
    return Event(
        id=uuid4(), topic="reminders", type="reminder.due", key=key, subject=subject, sequence=1,
        time=timezone.now(), data=data, request_id="r-1",
    )  # fmt: skip


def test_each_group_gets_each_event_in_the_order_of_its_key(rig: Rig) -> None:
    one, other = Group(), Group()
    alice, bob = str(uuid4()), str(uuid4())
    subjects = [str(number) for number in range(50)]
    rig.publish(*(event(subject, key) for subject in subjects for key in (alice, bob)))
    for group in (one, other):
        rig.until(group, lambda group=group: group.handled.get(alice) == group.handled.get(bob) == subjects)


def test_an_event_that_cannot_be_handled_is_parked_with_what_comes_behind_it(rig: Rig) -> None:
    group = Group()
    alice, bob = str(uuid4()), str(uuid4())
    poison = str(uuid4())  # on a topic that other tests write to as well
    group.poison = {poison}
    rig.publish(event("0", alice), event(poison, alice), event("2", alice), event("3", bob))
    rig.until(
        group, lambda: ParkedEvent.objects.filter(group=group.name).count() == 2 and bob in group.handled
    )
    assert (group.handled[alice], group.handled[bob]) == (["0"], ["3"])
    parked = ParkedEvent.objects.filter(group=group.name).order_by("id")
    assert [(row.subject, row.attempts) for row in parked] == [(poison, 1), ("2", 0)]


def test_an_event_arrives_whole(rig: Rig) -> None:
    group, arrived = Group(), []
    groups.handles("reminder.due", group=f"{group.name}-whole")(arrived.append)
    group.name = f"{group.name}-whole"
    sent = event("7", str(uuid4()))
    rig.publish(sent)
    rig.until(group, lambda: sent in arrived)


def test_a_refused_event_stops_what_is_behind_it(rig: Rig) -> None:
    if not isinstance(rig.broker, KafkaBroker):
        pytest.skip("this process refuses nothing")
    alice = str(uuid4())
    too_large = event("1", alice)
    too_large.data["title"] = "x" * 2_000_000
    with pytest.raises(PublishError):
        rig.broker.publish([too_large], waiting=lambda: None)
    assert rig.broker.publish([event("0", alice), too_large, event("2", alice)], waiting=lambda: None) == 1


@pytest.mark.parametrize(
    "value", [b"", b"not JSON", b"[]", b"{}", b'{"type": "task.created", "data": {}}', b"\xff"], ids=repr
)
def test_what_is_no_event_goes_to_the_dead_letters_and_blocks_nobody(rig: Rig, value: bytes) -> None:
    if not isinstance(rig.broker, KafkaBroker):
        pytest.skip("this process cannot get what it has not written")
    group, alice = Group(), str(uuid4())
    mark = str(uuid4()).encode()
    # Another partitioner would put it elsewhere than what comes behind it.
    servers = {"bootstrap.servers": settings.KAFKA_BOOTSTRAP_SERVERS}
    producer = Producer(servers | {"partitioner": "murmur2_random"})
    producer.produce("reminders", key=alice, value=value, headers=[("mark", mark)])
    assert producer.flush(10) == 0
    rig.publish(event("1", alice))
    rig.until(group, lambda: group.handled.get(alice) == ["1"])
    dead = message_with(mark, "reminders.dlq")
    headers = dict(dead.headers() or [])
    assert (dead.value() or b"", dead.key()) == (value, alice.encode())
    assert (headers["topic"], headers["group"], headers["attempts"]) == (
        b"reminders",
        group.name.encode(),
        b"1",
    )
    assert int(headers["offset"]) >= 0
    assert int(headers["partition"]) >= 0
    assert headers["error"]


def message_with(mark: bytes, topic: str) -> Message:
    """The message on the topic with this mark in its headers."""
    reader = GroupConsumer(f"reader-{uuid4()}")
    reader.topics = [topic]
    with reader.joined() as client:
        deadline = monotonic() + PATIENCE_SECONDS
        while monotonic() < deadline:
            for message in client.consume(100, timeout=0.5):
                if ("mark", mark) in (message.headers() or []):
                    return message
    raise AssertionError(f"{topic} has no message with {mark!r}")
