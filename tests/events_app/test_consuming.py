"""How a consumer reads: what is handled is committed, what is not comes again, and a stop is soon."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from operator import ge
from threading import Event as Signal
from time import monotonic
from typing import Any
from uuid import uuid4

import pytest
from pytest_django import Settings

from events_app.consuming import COMMIT_EVERY, MOST_UNCOMMITTED, POLL_SECONDS, GroupConsumer, produced_at
from events_app.envelope import Event
from events_app.kafka import Consumer, KafkaBroker, KafkaError, TopicPartition
from events_app.models import ParkedEvent
from events_app.parked import UNENDED
from tests.events_app.handlers import replace_handler
from tests.events_app.kafka_servers import mock_cluster
from tests.events_app.test_broker_contract import PATIENCE_SECONDS, Group, event

pytestmark = [pytest.mark.django_db, pytest.mark.slow, pytest.mark.kafka]


@pytest.fixture(autouse=True)
def kafka(settings: Settings, no_handlers: None) -> Iterator[None]:
    with mock_cluster() as settings.KAFKA_BOOTSTRAP_SERVERS:
        yield


@pytest.fixture
def group() -> Group:
    return Group()


def publish(*subjects: str, key: str) -> None:
    events = [event(subject, key) for subject in subjects]
    assert KafkaBroker().publish(events, waiting=lambda: None) == len(events)


def step_until(consumer: GroupConsumer, client: Consumer, reached: Callable[[], bool]) -> None:
    deadline = monotonic() + PATIENCE_SECONDS
    while not reached():
        assert monotonic() < deadline
        consumer.step(client)


def read_all(consumer: GroupConsumer, client: Consumer) -> None:
    """Handle what is there: earlier tests may have left events in other partitions."""

    def has_all() -> bool:
        assigned = client.assignment()
        # A partition of which nothing was read has no position.
        places = zip(client.position(assigned), client.committed(assigned), strict=True)
        following = [max(read.offset, committed.offset, 0) for read, committed in places]
        ends = [client.get_watermark_offsets(one)[1] for one in assigned]
        return bool(assigned) and all(map(ge, following, ends))

    step_until(consumer, client, lambda: not consumer.step(client) and has_all())


def test_a_stop_comes_between_two_messages_and_what_is_handled_is_committed(group: Group) -> None:
    stopping = Signal()

    def stop_at_the_third(one: Event) -> None:
        group.handle(one)
        if one.subject == "3":
            stopping.set()

    replace_handler(group.name, stop_at_the_third)
    publish(*map(str, range(1, 51)), key="alice")
    first = GroupConsumer(group.name, stopping)
    with first.joined() as client:
        step_until(first, client, stopping.is_set)
    assert group.handled["alice"] == ["1", "2", "3"]
    after = GroupConsumer(group.name)
    with after.joined() as client:
        step_until(after, client, lambda: len(group.handled["alice"]) == 50)
    assert group.handled["alice"] == [str(n) for n in range(1, 51)]


class Telling:
    """A client that keeps how long each message was waited for, and whether a commit was waited for."""

    def __init__(self, client: Consumer) -> None:
        self.client, self.waits, self.commits_waited_for = client, list[float](), list[bool]()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.client, name)

    def poll(self, timeout: float) -> Any:
        self.waits.append(timeout)
        return self.client.poll(timeout)

    def commit(self, *, asynchronous: bool) -> None:
        self.commits_waited_for.append(not asynchronous)
        self.client.commit(asynchronous=asynchronous)


def test_one_message_does_not_wait_for_others(group: Group) -> None:
    """A batch that waits to be filled made each change 100 ms late."""
    consumer = GroupConsumer(group.name)
    publish("first", key="alice")
    with consumer.joined() as client:
        telling = Telling(client)
        while "alice" not in group.handled:
            telling.waits.clear()
            consumer.step(telling)  # type: ignore[arg-type] # it does as one
    assert telling.waits == [POLL_SECONDS]


def test_a_commit_is_waited_for_when_the_one_before_has_not_ended(group: Group, monkeypatch) -> None:
    monkeypatch.setattr(GroupConsumer, "on_commit", lambda *_: None)
    monkeypatch.setattr("events_app.consuming.COMMIT_SECONDS", 3600.0)
    publish(*map(str, range(MOST_UNCOMMITTED)), key="alice")
    consumer = GroupConsumer(group.name)
    with consumer.joined() as client:
        telling = Telling(client)
        step_until(consumer, telling, lambda: len(group.handled.get("alice", [])) == MOST_UNCOMMITTED)  # type: ignore[arg-type]
        assert telling.commits_waited_for == [False, True]


def test_a_commit_that_ended_lets_the_next_one_go_unwaited_for(group: Group, monkeypatch) -> None:
    monkeypatch.setattr("events_app.consuming.COMMIT_SECONDS", 3600.0)
    publish(*map(str, range(COMMIT_EVERY)), key="alice")
    consumer = GroupConsumer(group.name)
    with consumer.joined() as client:
        telling = Telling(client)

        def ended(commits: int) -> bool:
            return len(telling.commits_waited_for) == commits and not consumer._last_is_unsure

        step_until(consumer, telling, lambda: ended(1))  # type: ignore[arg-type]
        publish(*map(str, range(COMMIT_EVERY)), key="alice")
        step_until(consumer, telling, lambda: ended(2))  # type: ignore[arg-type]
        committed = client.committed([TopicPartition("reminders", one) for one in range(4)])
    assert telling.commits_waited_for == [False, False]
    assert max(one.offset for one in committed) == 2 * COMMIT_EVERY


def test_a_commit_that_failed_is_made_up_for_though_no_message_comes(group: Group, monkeypatch) -> None:
    monkeypatch.setattr("events_app.consuming.COMMIT_SECONDS", 0.0)
    publish("1", key="alice")
    consumer = GroupConsumer(group.name)
    with consumer.joined() as client:
        # Were the first commit still under way, its end would come between the failure and what follows it.
        step_until(consumer, client, lambda: "alice" in group.handled and not consumer._last_is_unsure)
        telling = Telling(client)
        consumer.step(telling)  # type: ignore[arg-type]
        assert telling.commits_waited_for == []
        consumer.on_commit(KafkaError(KafkaError.REBALANCE_IN_PROGRESS), [])
        consumer.step(telling)  # type: ignore[arg-type]
        assert telling.commits_waited_for == [True]
        consumer.step(telling)  # type: ignore[arg-type]
        assert telling.commits_waited_for == [True]


def test_what_was_in_hand_when_a_consumer_died_is_put_on_record_by_the_next(group: Group) -> None:
    """The second one dies of it too; the third goes on."""
    publish("deadly", key="alice")
    publish("1", key="bob")

    class Killed(BaseException):
        pass

    def die(one: Event) -> None:
        if one.subject == "deadly":
            raise Killed
        group.handle(one)

    replace_handler(group.name, die)
    with pytest.raises(Killed):
        GroupConsumer(group.name).run()
    after = GroupConsumer(group.name)
    with after.joined() as client:
        step_until(after, client, lambda: "bob" in group.handled)
        parked = ParkedEvent.objects.get()
    assert (parked.subject, parked.attempts, parked.error) == ("deadly", 1, UNENDED)


def test_only_the_first_of_a_partition_are_put_on_record(group: Group, monkeypatch) -> None:
    recorded: list[str] = []

    def handle(_group: str, one: Event, *, on_record: bool) -> None:
        group.handle(one)
        if on_record:
            recorded.append(one.subject)

    monkeypatch.setattr("events_app.consuming.handle", handle)
    subjects = [str(n) for n in range(MOST_UNCOMMITTED + 10)]
    publish(*subjects, key=str(uuid4()))
    consumer = GroupConsumer(group.name)
    with consumer.joined() as client:
        step_until(consumer, client, lambda: [subjects] == list(group.handled.values()))
    assert recorded == subjects[:MOST_UNCOMMITTED]


@pytest.mark.parametrize("said", [-62_135_596_800_001, 2**62])
def test_any_number_may_be_said_to_be_the_time(said: int) -> None:
    class Odd:
        def timestamp(self) -> tuple[int, int]:
            return 1, said

    assert produced_at(Odd()) == datetime.fromtimestamp(0, UTC)  # type: ignore[arg-type]
