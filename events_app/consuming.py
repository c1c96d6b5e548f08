"""Reading the topics of a group: each event is handled or parked, what is no event is a dead letter.

An offset is committed after that, and says so. What is handled again after a kill has its effect once,
as everything a handler does.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from threading import Event as Signal
from time import monotonic
from typing import TypedDict, cast

import structlog
from django.db import DataError, InterfaceError, OperationalError, connection

from events_app.dead_letters import Headers, bury_message
from events_app.envelope import from_message
from events_app.groups import types_of
from events_app.handling import handle, handle_on_record, text_of
from events_app.kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition, consumer_of
from events_app.liveness import turned
from events_app.offsets import topics_of

log = structlog.get_logger(__name__)

# What is handled before it is committed: so much of a partition, at most, comes again after a kill.
COMMIT_EVERY = 100
COMMIT_SECONDS = 1.0
# How long a consumer without work takes to notice that it is to stop.
POLL_SECONDS = 0.1
RETRY_SECONDS = 1.0


class GroupConsumer:
    """Reads the topics of one group and has it handle each event; commits what is handled or parked."""

    def __init__(self, group: str, stopping: Signal | None = None) -> None:
        self.group = group
        self.topics = topics_of(group)
        self.stopping = stopping or Signal()
        self._met: dict[tuple[str | None, int | None], int] = defaultdict(int)

    def run(self) -> None:
        """Consume until `stopping` is set; then commit and leave the group."""
        while not self.stopping.is_set():
            turned(self.group)
            try:
                with self.joined() as consumer:
                    while not self.stopping.is_set():
                        self.step(consumer)
                        turned(self.group)
            except (OperationalError, InterfaceError, KafkaException) as error:
                # What was not handled is not committed, and comes again.
                log.warning("consumer_starts_anew", group=self.group, error=str(error))
                connection.close()
                self.stopping.wait(RETRY_SECONDS)
        connection.close()

    @contextmanager
    def joined(self) -> Iterator[Consumer]:
        """A client that is a member of the group until the block ends."""
        consumer = consumer_of(self.group)
        try:
            consumer.subscribe(self.topics, on_assign=self._meet)
            yield consumer
        finally:
            consumer.close()

    def step(self, consumer: Consumer) -> int:
        """Handle what is there, then commit it, soon enough in any case; how many messages.

        One message at a time is taken from the client, which has fetched more: so it hears of us between any
        two, and on a stop none is in hand.
        """
        taken, until = 0, monotonic() + COMMIT_SECONDS
        while (message := consumer.poll(0 if taken else POLL_SECONDS)) is not None:
            self._take(message)
            consumer.store_offsets(message=message)
            turned(self.group)
            taken += 1
            if taken == COMMIT_EVERY or monotonic() > until or self.stopping.is_set():
                break
        if taken:
            _commit(consumer)
        return taken

    def _take(self, message: Message) -> None:
        if (error := message.error()) is not None:
            raise KafkaException(error)
        try:
            event = from_message(message.value(), key=message.key(), **_place(message))
            if event.type in types_of(self.group):
                (handle_on_record if self._is_met_early(message) else handle)(self.group, event)
        except (ValueError, DataError) as reason:  # no event, or one that no row can hold
            self._bury(message, reason)

    def _meet(self, _consumer: Consumer, partitions: Sequence[TopicPartition]) -> None:
        for one in partitions:
            self._met[one.topic, one.partition] = 0

    def _is_met_early(self, message: Message) -> bool:
        """Whether it may have been in hand when whoever read the partition before was killed."""
        self._met[message.topic(), message.partition()] += 1
        return self._met[message.topic(), message.partition()] <= COMMIT_EVERY

    def _bury(self, message: Message, reason: Exception) -> None:
        bury_message(
            self.group,
            key=message.key(),
            value=message.value(),
            headers=cast(Headers, message.headers() or []),
            time=datetime.fromtimestamp(message.timestamp()[1] / 1000, UTC),
            error=text_of(reason),
            **_place(message),
        )


def _commit(consumer: Consumer) -> None:
    try:
        consumer.commit(asynchronous=False)
    except KafkaException as error:
        # What was handled is another member's by now, who handles it again.
        if error.args[0].code() != KafkaError._NO_OFFSET:
            raise


class _Place(TypedDict):
    topic: str
    partition: int
    offset: int


def _place(message: Message) -> _Place:
    """Where it was read: a message without an error was read somewhere."""
    place = {"topic": message.topic(), "partition": message.partition(), "offset": message.offset()}
    return cast(_Place, place)
