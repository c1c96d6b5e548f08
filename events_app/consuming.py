"""Reading the topics of a group: events are handled or parked; a message that is no event is a dead letter.

Its offset is committed after that. A commit is waited for on a stop, on a rebalance, and when the one before
is late or has failed. What is handled again after a kill has its effect once, like everything a handler does.

Messages that follow each other and whose handler takes batches are handled together, as many as there are.
"""

from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice, takewhile
from math import inf
from threading import Event as Signal
from time import monotonic
from typing import TypedDict, cast

import structlog
from django.db import DataError, InterfaceError, OperationalError, connection

from events_app.dead_letters import Headers, bury_message
from events_app.envelope import Event, from_message
from events_app.groups import concerns, takes_batches, text_of, topics_of
from events_app.handling import handle, try_together
from events_app.kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition, consumer_of
from events_app.liveness import turned
from events_app.parked import look_again

log = structlog.get_logger(__name__)

COMMIT_EVERY = 100
COMMIT_SECONDS = 1.0
# One commit may be under way while the next is prepared: at most this much comes again after a kill.
MOST_UNCOMMITTED = 2 * COMMIT_EVERY
# How long a consumer without work takes to notice that it must stop.
POLL_SECONDS = 0.1
RETRY_SECONDS = 1.0


@dataclass
class _InHand:
    """A message that was read and is not handled yet; without an event there is nothing to do about it."""

    message: Message
    event: Event | None = None
    # It may be what ended the process before this one.
    is_early: bool = False
    # The type of the events that it is handled together with; None if it is handled by itself.
    batch: str | None = None


class GroupConsumer:
    """Reads the topics of one group, handles each event, and commits what is handled or parked."""

    def __init__(self, group: str, stopping: Signal | None = None) -> None:
        self.group = group
        self.topics = topics_of(group)
        self.stopping = stopping or Signal()
        self._met: dict[tuple[str | None, int | None], int] = defaultdict(int)
        self._begin()

    def _begin(self) -> None:
        # In the order in which they were read.
        self._in_hand: deque[_InHand] = deque()
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
        self._begin()
        consumer = consumer_of(self.group, on_commit=self.on_commit)
        try:
            consumer.subscribe(self.topics, on_assign=self._meet, on_revoke=self._leave)
            yield consumer
            self._commit(consumer, wait=True)
        finally:
            consumer.close()

    def step(self, consumer: Consumer) -> bool:
        """Read a message if there is one, handle what is in hand, commit when it is time; whether it did any.

        The client has fetched more, but returns them one by one: so it is polled between any two that are not
        handled together. A batch waits for no message: it is what the client has fetched already.
        """
        message = consumer.poll(0 if self._in_hand else POLL_SECONDS)
        if message is not None:
            self._in_hand.append(self._read(message))
        works = bool(self._in_hand)
        if works and not (message is not None and self._may_grow()):
            self._handle_first(consumer)
        if self._uncommitted == COMMIT_EVERY or monotonic() > self._commit_by:
            # Waiting for the second bounds what is handled and not committed.
            self._commit(consumer, wait=self._last_is_unsure)
        return works

    def _read(self, message: Message) -> _InHand:
        if (error := message.error()) is not None:
            raise KafkaException(error)
        try:
            event = from_message(message.value(), key=message.key(), **_origin(message))
        except ValueError as reason:
            self._bury(message, reason)
        else:
            if concerns(self.group, event):
                batch = event.type if takes_batches(self.group, event.type) else None
                return _InHand(message, event, self._is_met_early(message), batch)
        # It does not end the batch that it comes behind.
        return _InHand(message, batch=self._in_hand[-1].batch if self._in_hand else None)

    @property
    def _room(self) -> int:
        return COMMIT_EVERY - self._uncommitted

    def _may_grow(self) -> bool:
        """Whether what is in hand is one batch, and the next message may be part of it."""
        first, last = self._in_hand[0], self._in_hand[-1]
        return first.batch is not None and last.batch == first.batch and len(self._in_hand) < self._room

    def _handle_first(self, consumer: Consumer) -> None:
        """Handle the first message in hand, with those behind it that are of the same batch."""
        first = self._in_hand[0]
        together = [first]
        if first.batch is not None:
            next_ones = islice(self._in_hand, self._room)
            together = list(takewhile(lambda one: one.batch == first.batch, next_ones))
        if not self._handle(together):
            for one in together:
                one.batch = None  # the client is polled between any two of them
            return
        if not self._uncommitted:
            self._commit_by = monotonic() + COMMIT_SECONDS
        for one in together:
            self._in_hand.popleft()
            consumer.store_offsets(message=one.message)
        self._uncommitted += len(together)

    def _handle(self, together: list[_InHand]) -> bool:
        """Handle or park their events; False if several cannot be handled together, and none of them was."""
        events = [one.event for one in together if one.event is not None]
        if len(events) > 1:
            return try_together(self.group, events, on_record=any(one.is_early for one in together))
        for one in together:
            if one.event is not None:
                self._handle_alone(one.message, one.event, on_record=one.is_early)
        return True

    def _handle_alone(self, message: Message, event: Event, *, on_record: bool) -> None:
        try:
            handle(self.group, event, on_record=on_record)
        except (ValueError, DataError) as reason:  # no row can hold it
            self._bury(message, reason)

    def _meet(self, _consumer: Consumer, partitions: Sequence[TopicPartition]) -> None:
        look_again(self.group)
        for one in partitions:
            self._met[one.topic, one.partition] = 0

    def _is_met_early(self, message: Message) -> bool:
        """Whether the consumer before may have been killed with it in hand."""
        self._met[message.topic(), message.partition()] += 1
        return self._met[message.topic(), message.partition()] <= MOST_UNCOMMITTED

    def _leave(self, consumer: Consumer, partitions: Sequence[TopicPartition]) -> None:
        # What was read of them and not handled, their next consumer handles.
        left = {(one.topic, one.partition) for one in partitions}
        self._in_hand = deque(
            one for one in self._in_hand if (one.message.topic(), one.message.partition()) not in left
        )
        try:
            self._commit(consumer, wait=True)
        except KafkaException as error:  # the next consumer handles it again
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
            # Nothing was handled, or the partition is now another member's, which handles it again.
            if error.args[0].code() != KafkaError._NO_OFFSET:
                raise

    def on_commit(self, error: KafkaError | None, _partitions: Sequence[TopicPartition]) -> None:
        """A commit that was not waited for has ended. If it failed, another follows soon."""
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
            time=produced_at(message),
            error=text_of(reason),
            **_origin(message),
        )


def produced_at(message: Message) -> datetime:
    """The time that the producer gave it; 1970 if that is no time."""
    try:
        return datetime.fromtimestamp(message.timestamp()[1] / 1000, UTC)
    except (ValueError, OverflowError, OSError):  # the producer may have set any number
        return datetime.fromtimestamp(0, UTC)


class _Origin(TypedDict):
    topic: str
    partition: int
    offset: int


def _origin(message: Message) -> _Origin:
    """Where it was read; a message without an error has all three."""
    origin = {"topic": message.topic(), "partition": message.partition(), "offset": message.offset()}
    return cast(_Origin, origin)
