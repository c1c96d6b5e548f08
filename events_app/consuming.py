"""Reading the topics of a group: each event is handled or parked, what is no event is a dead letter.

An offset is committed after that, and says so. A commit is waited for on a stop, on a rebalance, and when
the one before is late or has failed. What is handled again after a kill has its effect once, as everything
a handler does.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from math import inf
from threading import Event as Signal
from time import monotonic
from typing import TypedDict, cast

import structlog
from django.db import DataError, InterfaceError, OperationalError, connection

from events_app.dead_letters import Headers, bury_message
from events_app.envelope import from_message
from events_app.groups import concerns
from events_app.handling import handle, handle_on_record, look_again, text_of
from events_app.kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition, consumer_of
from events_app.liveness import turned
from events_app.offsets import topics_of

log = structlog.get_logger(__name__)

COMMIT_EVERY = 100
COMMIT_SECONDS = 1.0
# One commit may be under way while the next is made ready: so much, at most, comes again after a kill.
MOST_UNCOMMITTED = 2 * COMMIT_EVERY
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
        self._uncommitted, self._commit_by = 0, inf
        self._last_is_unsure = False

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
        self._uncommitted, self._commit_by = 0, inf
        self._last_is_unsure = False
        consumer = consumer_of(self.group, on_commit=self._committed)
        try:
            consumer.subscribe(self.topics, on_assign=self._meet, on_revoke=self._leave)
            yield consumer
            self._commit(consumer, wait=True)
        finally:
            consumer.close()

    def step(self, consumer: Consumer) -> int:
        """Handle a message if there is one, and commit what is handled when it is time; how many messages.

        The client has fetched more, but hands them out one by one: so it hears of us between any two, and on
        a stop none is in hand.
        """
        message = consumer.poll(POLL_SECONDS)
        if message is not None:
            self._take(message)
            consumer.store_offsets(message=message)
            if not self._uncommitted:
                self._commit_by = monotonic() + COMMIT_SECONDS
            self._uncommitted += 1
        if self._uncommitted == COMMIT_EVERY or monotonic() > self._commit_by:
            # Waiting for the second bounds what is handled and not committed.
            self._commit(consumer, wait=self._last_is_unsure)
        return int(message is not None)

    def _take(self, message: Message) -> None:
        if (error := message.error()) is not None:
            raise KafkaException(error)
        try:
            event = from_message(message.value(), key=message.key(), **_place(message))
            if concerns(self.group, event):
                (handle_on_record if self._is_met_early(message) else handle)(self.group, event)
        except (ValueError, DataError) as reason:  # no event, or one that no row can hold
            self._bury(message, reason)

    def _meet(self, _consumer: Consumer, partitions: Sequence[TopicPartition]) -> None:
        look_again(self.group)
        for one in partitions:
            self._met[one.topic, one.partition] = 0

    def _is_met_early(self, message: Message) -> bool:
        """Whether it may have been in hand when whoever read the partition before was killed."""
        self._met[message.topic(), message.partition()] += 1
        return self._met[message.topic(), message.partition()] <= MOST_UNCOMMITTED

    def _leave(self, consumer: Consumer, _partitions: Sequence[TopicPartition]) -> None:
        try:
            self._commit(consumer, wait=True)
        except KafkaException as error:  # whoever reads them next handles it again
            log.warning("not_committed", group=self.group, error=str(error))

    def _commit(self, consumer: Consumer, *, wait: bool) -> None:
        self._uncommitted, self._commit_by = 0, inf
        self._last_is_unsure = not wait
        try:
            if wait:
                consumer.commit(asynchronous=False)
            else:
                consumer.commit(asynchronous=True)
        except KafkaException as error:
            # Nothing was handled, or it is another member's by now, who handles it again.
            if error.args[0].code() != KafkaError._NO_OFFSET:
                raise

    def _committed(self, error: KafkaError | None, _partitions: Sequence[TopicPartition]) -> None:
        """One that was not waited for has ended. One that failed is made up for by another, soon."""
        self._last_is_unsure = error is not None and error.code() != KafkaError._NO_OFFSET
        if self._last_is_unsure:
            log.warning("not_committed", group=self.group, error=str(error))
            self._commit_by = min(self._commit_by, monotonic() + COMMIT_SECONDS)

    def _bury(self, message: Message, reason: Exception) -> None:
        bury_message(
            self.group,
            key=message.key(),
            value=message.value(),
            headers=cast(Headers, message.headers() or []),
            time=_produced_at(message),
            error=text_of(reason),
            **_place(message),
        )


def _produced_at(message: Message) -> datetime:
    try:
        return datetime.fromtimestamp(message.timestamp()[1] / 1000, UTC)
    except (ValueError, OverflowError, OSError):  # whoever produced it may have said any number
        return datetime.fromtimestamp(0, UTC)


class _Place(TypedDict):
    topic: str
    partition: int
    offset: int


def _place(message: Message) -> _Place:
    """Where it was read: a message without an error was read somewhere."""
    place = {"topic": message.topic(), "partition": message.partition(), "offset": message.offset()}
    return cast(_Place, place)
