"""Messages whose handler takes batches are handled together. Kafka's client is played here, poll by poll."""

import json
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from threading import Event as Signal
from typing import Any
from uuid import uuid4

import pytest

from events_app import consuming, groups
from events_app.consuming import COMMIT_EVERY, POLL_SECONDS, GroupConsumer
from events_app.envelope import Event, to_wire
from events_app.kafka import TopicPartition
from events_app.models import DeadLetter, ParkedEvent
from tests.events_app.test_broker_contract import event
from tests.events_app.test_handling_in_batches import Batches

pytestmark = pytest.mark.django_db


@dataclass
class Message:
    """As librdkafka gives it out."""

    content: bytes
    sender: str = "alice"
    number: int = 0
    where: str = "reminders"
    place: int = 0

    def error(self) -> None:
        return None

    def topic(self) -> str:
        return self.where

    def partition(self) -> int:
        return self.number

    def offset(self) -> int:
        return self.place

    def key(self) -> bytes:
        return self.sender.encode()

    def value(self) -> bytes:
        return self.content

    def headers(self) -> None:
        return None

    def timestamp(self) -> tuple[int, int]:
        return 1, 1_700_000_000_000


class Client:
    """A client that has fetched these messages; at None it has no more yet, and functions are called."""

    def __init__(self, *fetched: Message | Callable[[], object] | None) -> None:
        self.fetched = deque(fetched)
        self.waits: list[float] = []
        self.stored: dict[tuple[str, int], int] = {}
        self.commits: list[dict[tuple[str, int], int]] = []

    def subscribe(self, topics: list[str], **callbacks: Callable[..., None]) -> None:
        self.callbacks = callbacks

    def revoke(self, topic: str, partition: int) -> None:
        self.callbacks["on_revoke"](self, [TopicPartition(topic, partition)])
        self.stored = {where: offset for where, offset in self.stored.items() if where != (topic, partition)}

    def poll(self, timeout: float) -> Message | None:
        self.waits.append(timeout)
        while self.fetched:
            one = self.fetched.popleft()
            if one is None or isinstance(one, Message):
                return one
            one()
        return None

    def store_offsets(self, *, message: Message) -> None:
        self.stored[message.where, message.number] = message.place + 1

    def commit(self, *, asynchronous: bool) -> None:
        self.commits.append(dict(self.stored))

    def close(self) -> None:
        pass


@pytest.fixture(params=[0, consuming.MOST_UNCOMMITTED], ids=["later", "first ones"])
def batches(request: pytest.FixtureRequest, no_handlers: None, monkeypatch: pytest.MonkeyPatch) -> Batches:
    """Of a consumer that has been reading for long, and of one whose first messages are on record."""
    monkeypatch.setattr(consuming, "MOST_UNCOMMITTED", request.param)
    monkeypatch.setattr(consuming, "COMMIT_SECONDS", 3600.0)
    return Batches("batches")


@pytest.fixture
def consume(monkeypatch: pytest.MonkeyPatch) -> Callable[[Client], None]:
    def run(client: Client) -> None:
        """Until there is nothing more to read."""
        monkeypatch.setattr(consuming, "consumer_of", lambda *_args, **_kwargs: client)
        consumer = GroupConsumer("batches")
        with consumer.joined() as joined:
            while consumer.step(joined):
                pass

    return run


def message(one: Event | str, key: str = "alice", **where: Any) -> Message:
    made = one if isinstance(one, Event) else event(one, key)
    return Message(json.dumps(to_wire(made)).encode(), made.key, where=made.topic, **where)


def numbered(*messages: Message) -> list[Message]:
    """One behind the other in their partition."""
    return [replace(one, place=place) for place, one in enumerate(messages)]


def parked() -> list[str]:
    return list(ParkedEvent.objects.order_by("id").values_list("subject", flat=True))


def sync(subject: str) -> Event:
    at = "2030-01-01T00:00:00Z"
    data = {"event_type": "sync", "task_id": 1, "user_id": str(uuid4()), "changes": {}, "timestamp": at}
    return replace(event(subject, "alice"), topic="task-updates", type="task.sync", data=data)


def test_what_the_client_has_is_handled_at_once(batches: Batches, consume) -> None:
    client = Client(*numbered(message("1"), message("2", "bob"), message("3")))
    consume(client)
    assert batches.handled == [["1", "2", "3"]]
    assert client.commits[-1] == {("reminders", 0): 3}
    assert parked() == []


def test_a_lone_message_does_not_wait_for_others(batches: Batches, consume) -> None:
    client = Client(message("1"))
    consume(client)
    assert batches.handled == [["1"]]
    assert client.waits == [POLL_SECONDS, 0, POLL_SECONDS]


def test_a_batch_is_no_more_than_may_be_uncommitted(batches: Batches, consume) -> None:
    subjects = [str(number) for number in range(2 * COMMIT_EVERY + 10)]
    client = Client(*numbered(*map(message, subjects)))
    consume(client)
    assert batches.handled == [subjects[:100], subjects[100:200], subjects[200:]]
    assert [one["reminders", 0] for one in client.commits] == [100, 200, 210]


def test_a_handler_of_single_events_is_called_before_the_next_poll(no_handlers: None, consume) -> None:
    polls: list[int] = []
    client = Client(*numbered(message("1"), message("2")))
    groups.handles("reminder.due", group="batches")(lambda _one: polls.append(len(client.waits)))
    consume(client)
    assert polls == [1, 2]


def test_what_is_no_event_is_buried_and_parts_no_batch(batches: Batches, consume) -> None:
    no_event = Message(b"not JSON")
    client = Client(*numbered(message("1"), no_event, message("2")))
    consume(client)
    assert batches.handled == [["1", "2"]]
    assert [(one.offset, one.attempts) for one in DeadLetter.objects.all()] == [(1, 1)]
    assert client.commits[-1] == {("reminders", 0): 3}


def test_what_no_row_can_hold_is_buried_and_the_others_are_handled(batches: Batches, consume) -> None:
    batches.poison = {"2"}
    wrong = event("2", "alice")
    wrong.data["title"] = "\0"
    client = Client(*numbered(message("1"), message(wrong), message("3")))
    consume(client)
    assert batches.handled == [["1"], ["3"]]
    assert DeadLetter.objects.get().offset == 1
    assert parked() == []


def test_one_that_fails_is_parked_with_those_of_its_key_and_no_other(batches: Batches, consume) -> None:
    batches.poison = {"2"}
    client = Client(*numbered(message("1"), message("2"), message("3"), message("4", "bob")))
    consume(client)
    assert batches.handled == [["1"], ["4"]]
    assert parked() == ["2", "3"]
    assert client.commits[-1] == {("reminders", 0): 4}


def test_between_the_events_of_a_batch_that_failed_the_client_is_polled(batches: Batches, consume) -> None:
    """Each may take its time, and a client that is not polled for minutes is put out of the group."""
    polls: list[int] = []
    client = Client(*numbered(*(message(str(number), key=str(number)) for number in range(5))))

    def fail(_events: Sequence[Event]) -> None:
        polls.append(len(client.waits))
        raise ZeroDivisionError

    groups.registry["batches"]["reminder.due"] = groups.Handler(fail, in_batches=True)
    consume(client)
    assert len(parked()) == 5
    assert len(polls) == len(set(polls)) == 6


def test_what_is_read_behind_a_batch_that_failed_is_handled_after_it(batches: Batches, consume) -> None:
    batches.poison = {"2"}
    keys = {"1": "alice", "2": "alice", "3": "alice", "4": "bob", "5": "bob"}
    client = Client(*numbered(*(message(subject, key) for subject, key in keys.items())))
    client.fetched.insert(2, None)
    consume(client)
    assert batches.handled == [["1"], ["4"], ["5"]]
    assert parked() == ["2", "3"]
    assert client.commits[-1] == {("reminders", 0): 5}


def test_another_handler_of_the_group_comes_in_its_order(batches: Batches, consume) -> None:
    order: list[Any] = batches.handled
    groups.handles("task.sync", group="batches")(lambda one: order.append(one.subject))
    consume(Client(message("1"), message("2", place=1), message(sync("3")), message("4", place=2)))
    assert order == [["1", "2"], "3", ["4"]]


def test_what_the_group_does_nothing_about_parts_no_batch(batches: Batches, consume) -> None:
    groups.handles("task.sync", group="batches", only_if=lambda _one: False)(lambda _one: None)
    client = Client(message(sync("1")), message("2"), message(sync("3"), place=1), message("4", place=1))
    consume(client)
    assert batches.handled == [["2", "4"]]
    assert client.commits[-1] == {("task-updates", 0): 2, ("reminders", 0): 2}


def test_what_is_in_hand_of_a_partition_that_goes_is_left_to_its_next_consumer(
    batches: Batches, consume
) -> None:
    client = Client(message("1"), message("2", "bob", number=1))
    client.fetched.append(lambda: client.revoke("reminders", 0))
    consume(client)
    assert batches.handled == [["2"]]
    assert client.commits[-1] == {("reminders", 1): 1}
    assert client.commits[0] == {}


def test_a_batch_with_an_early_message_is_on_record(batches: Batches, consume, monkeypatch) -> None:
    monkeypatch.setattr(consuming, "MOST_UNCOMMITTED", 1)

    class KilledError(BaseException):
        pass

    def die(_events: Sequence[Event]) -> None:
        raise KilledError

    groups.registry["batches"]["reminder.due"] = groups.Handler(die, in_batches=True)
    with pytest.raises(KilledError):
        consume(Client(*numbered(message("1"), message("2", "bob"))))
    assert parked() == ["1", "2"]


def test_a_stop_leaves_what_is_in_hand_to_the_next_consumer(batches: Batches, monkeypatch) -> None:
    stopping = Signal()
    client = Client(message("1"), stopping.set, message("2", place=1))
    monkeypatch.setattr(consuming, "consumer_of", lambda *_args, **_kwargs: client)
    consumer = GroupConsumer("batches", stopping)
    with consumer.joined() as joined:
        while not stopping.is_set():
            consumer.step(joined)
    assert batches.handled == []
    assert client.commits == [{}]
