"""What every broker promises, held by the one in this process, librdkafka's mock and a real Apache Kafka."""

import json
import os
from collections.abc import Callable, Iterator
from time import monotonic
from typing import Any
from uuid import uuid4

import pytest
from confluent_kafka import Message, Producer
from django.conf import settings
from django.utils import timezone
from pytest_django import Settings

from events_app import groups
from events_app.brokers import Broker, InProcessBroker, PublishError
from events_app.catalogue import UnknownEventError
from events_app.consuming import GroupConsumer
from events_app.dead_letter_topics import DeadLetterTopics
from events_app.envelope import MAX_BYTES, Event, to_wire
from events_app.kafka import CONTENT_TYPE, KafkaBroker, consumer_of
from events_app.kafka_admin import create_topics
from events_app.models import DeadLetter, ParkedEvent
from events_app.parked import bury, requeue
from events_app.relay import broker_of_settings
from tests.events_app.kafka_servers import mock_cluster, real_kafka

pytestmark = [pytest.mark.django_db, pytest.mark.slow, pytest.mark.kafka]

PATIENCE_SECONDS = 180


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
        left = events
        while left:  # a batch also ends after some time
            left = left[self.broker.publish(left, waiting=lambda: None) :]

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
def rig(request: pytest.FixtureRequest, settings: Settings, no_handlers: None) -> Rig:
    if request.param != "in_process":
        settings.KAFKA_BOOTSTRAP_SERVERS = request.getfixturevalue(request.param)
        settings.KAFKA_TOPIC_PARTITIONS = 3
    if request.param == "kafka":
        create_topics()  # the mock makes them as they are named
    return Rig(broker_of_settings())


def event(subject: str, key: str) -> Event:
    user_id = uuid4()
    data = {
        "task_id": 1,
        "user_id": str(user_id),
        "title": "one",
        "reminder_at": "2030-01-01T00:00:00Z",
        "due_at": None,
    }
    return Event(
        id=uuid4(), topic="reminders", type="reminder.due", key=key, subject=subject, sequence=1,
        time=timezone.now(), data=data, request_id="r-1", user_id=user_id,
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


def test_a_group_sees_only_what_concerns_it(rig: Rig) -> None:
    group, seen = Group(), []
    group.name = f"{group.name}-some"
    groups.handles("reminder.due", group=group.name, only_if=lambda event: event.subject == "1")(seen.append)
    alice = str(uuid4())
    sent = [event(subject, alice) for subject in ("0", "1", "2", "1")]
    rig.publish(*sent)
    rig.until(group, lambda: sent[3] in seen)
    assert [one for one in seen if one.key == alice] == [sent[1], sent[3]]


def test_a_refused_event_stops_what_is_behind_it(rig: Rig) -> None:
    if not isinstance(rig.broker, KafkaBroker):
        pytest.skip("this process refuses nothing")
    alice = str(uuid4())
    too_large = event("1", alice)
    too_large.data["title"] = "x" * 2_000_000
    with pytest.raises(PublishError):
        rig.broker.publish([too_large], waiting=lambda: None)
    assert rig.broker.publish([event("0", alice), too_large, event("2", alice)], waiting=lambda: None) == 1


def test_a_refused_event_is_tried_alone_until_it_is_taken(rig: Rig) -> None:
    if not isinstance(rig.broker, KafkaBroker):
        pytest.skip("this process refuses nothing")
    alice, bob = str(uuid4()), str(uuid4())
    first, behind = event("1", alice), event("2", bob)
    title, first.data["title"] = first.data["title"], "x" * 2_000_000
    with pytest.raises(PublishError):
        rig.broker.publish([first, behind], waiting=lambda: None)
    first.data["title"] = title
    taken = [rig.broker.publish([first, behind], waiting=lambda: None) for _ in range(2)]
    assert taken == [1, 2]


NESTED = b"[" * 200_000
OVERSIZE = json.dumps({"type": "reminder.due", "data": {"title": "x" * MAX_BYTES}}).encode()
NOTHING_KNOWN = b'{"type": "task.created", "data": {}}'


@pytest.mark.parametrize(
    "value",
    [b"", b"not JSON", b"[]", b"{}", NOTHING_KNOWN, b"\xff", NESTED, OVERSIZE],
    ids=lambda value: repr(value[:40]),
)
def test_what_is_no_event_goes_to_the_dead_letters_and_blocks_no_one(rig: Rig, value: bytes) -> None:
    group, alice = Group(), str(uuid4())
    put(rig, value, key=alice.encode())
    rig.publish(event("1", alice))
    rig.until(group, lambda: group.handled.get(alice) == ["1"])
    dead = DeadLetter.objects.get(group=group.name, key=alice)
    assert (bytes(dead.raw_value or b""), bytes(dead.raw_key or b"")) == (value, alice.encode())
    assert (dead.topic, dead.attempts) == ("reminders", 1)
    assert dead.error
    message = published(dead)
    assert (message.value() or b"") == value
    assert ("mark", alice.encode()) in (message.headers() or [])


UNSTORABLE = [{"data": {"title": "\0"}}, {"subject": "\ud800"}]


@pytest.mark.parametrize("wrong", UNSTORABLE, ids=["NUL", "half a pair"])
def test_what_no_row_can_hold_is_no_event_either(rig: Rig, wrong: dict[str, Any]) -> None:
    group, alice = Group(), str(uuid4())
    group.poison = {"unreadable", "\ud800"}
    wire = to_wire(event("unreadable", alice))
    wire = wire | wrong | {"data": wire["data"] | wrong.get("data", {})}
    put(rig, json.dumps(wire).encode(), key=alice.encode())
    rig.publish(event("1", alice))
    rig.until(group, lambda: group.handled.get(alice) == ["1"])
    dead = DeadLetter.objects.get(group=group.name, key=alice)
    with pytest.raises(UnknownEventError):
        requeue(dead)


def test_what_is_read_again_is_the_same_dead_letter(rig: Rig) -> None:
    group, alice = Group(), str(uuid4())
    put(rig, b"not JSON", key=alice.encode())
    rig.publish(event("1", alice))
    rig.until(group, lambda: group.handled.get(alice) == ["1"])
    first = DeadLetter.objects.get(key=alice)
    with consumer_of(f"reader-{uuid4()}") as client:  # which begins at the start
        client.subscribe(["reminders"])
        deadline = monotonic() + PATIENCE_SECONDS
        while group.handled[alice] != ["1", "1"]:
            assert monotonic() < deadline
            GroupConsumer(group.name).step(client)
    assert DeadLetter.objects.get(key=alice) == first


def test_an_event_given_up_on_goes_to_the_dead_letters_too(rig: Rig) -> None:
    if not isinstance(rig.broker, KafkaBroker):
        pytest.skip("without Kafka there are rows only")
    group, alice = Group(), str(uuid4())
    poison = str(uuid4())
    group.poison = {poison}
    sent = event(poison, alice)
    rig.publish(sent)
    rig.until(group, lambda: ParkedEvent.objects.filter(group=group.name).exists())
    dead = bury(ParkedEvent.objects.get(group=group.name))
    message = published(dead)
    assert json.loads(message.value() or b"") == to_wire(sent)
    assert CONTENT_TYPE in (message.headers() or [])


def put(rig: Rig, value: bytes, *, key: bytes) -> None:
    """Put a message of another program on the topic, where the events of the key go."""
    if not isinstance(rig.broker, KafkaBroker):
        pytest.skip("this process cannot get what it has not written")
    # Another partitioner would put it elsewhere than what comes behind it.
    servers = {"bootstrap.servers": settings.KAFKA_BOOTSTRAP_SERVERS}
    producer = Producer(servers | {"partitioner": "murmur2_random"})
    producer.produce("reminders", key=key, value=value, headers=[("mark", key)])
    assert producer.flush(60) == 0


def published(dead: DeadLetter) -> Message:
    """Publish the dead letter; its message, with what the headers have to tell."""
    assert DeadLetterTopics().publish_some() >= 1
    dead.refresh_from_db()
    assert dead.published_at is not None
    message = message_with(("id", str(dead.event_id).encode()), "reminders.dlq")
    headers = dict(message.headers() or [])
    assert message.key() == dead.key.encode()
    for name in ("topic", "partition", "offset", "group", "error", "attempts"):
        assert headers[name] == str(getattr(dead, name)).encode(), name
    assert int(headers["offset"]) >= 0
    return message


def message_with(header: tuple[str, bytes], topic: str) -> Message:
    """The message on the topic that has this header."""
    client = consumer_of(f"reader-{uuid4()}")
    client.subscribe([topic])
    deadline = monotonic() + PATIENCE_SECONDS
    while monotonic() < deadline:
        message = client.poll(0.5)
        if message is not None and header in (message.headers() or []):
            client.close()
            return message
    raise AssertionError(f"{topic} has no message with {header}")
