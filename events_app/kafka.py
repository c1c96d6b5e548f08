"""Kafka, through confluent-kafka (librdkafka): the one module that imports it.

`KafkaBroker` is what the relay publishes to. Consumers (`events_app/consuming.py`) and the administration of
topics (`events_app/kafka_admin.py`) get their clients and types from here.
Source: CloudEvents Kafka protocol binding 1.0.2, structured mode; librdkafka's CONFIGURATION.md.
"""

import json
import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic  # type: ignore[attr-defined]
from django.conf import settings

from events_app.brokers import PublishError
from events_app.catalogue import BURIED_BY_A_TOMBSTONE
from events_app.envelope import MEDIA_TYPE, Event, OutboxRow, to_wire

__all__ = [
    "AdminClient",
    "ConfigResource",
    "Consumer",
    "KafkaError",
    "KafkaException",
    "Message",
    "NewTopic",
    "Producer",
    "TopicPartition",
]

OnCommit = Callable[[KafkaError | None, list[TopicPartition]], None]

_librdkafka = logging.getLogger("librdkafka")

CONTENT_TYPE = ("content-type", MEDIA_TYPE.encode())
_HEADERS: list[tuple[str, str | bytes | None]] = [CONTENT_TYPE]
# At most this much is in flight, held in memory, and sent again after a kill.
PUBLISH_BATCH = 2000
_ANSWER_SECONDS = 0.5


class _Outgoing(NamedTuple):
    topic: str
    key: str
    value: str | None


class KafkaBroker:
    """Publishes with an idempotent producer; an event is taken when its delivery report says so."""

    batch_size = PUBLISH_BATCH

    def __init__(self) -> None:
        self._producer = _producer()
        self._is_refused = False

    def publish(self, events: Sequence[Event], *, waiting: Callable[[], None]) -> int:
        """How many events, from the first on, the broker has acknowledged: all, or those before a refusal.

        While the broker is away this waits without a limit, and calls `waiting` twice a second, which may
        raise to give up. Raises PublishError if the first event is refused.
        """
        return self._publish([_of_event(event) for event in events], waiting)

    def publish_rows(self, rows: Sequence[OutboxRow], *, waiting: Callable[[], None]) -> int:
        """The same with the rows that hold the events."""
        return self._publish([_messages(row, row.wire_text()) for row in rows], waiting)

    def _publish(self, events: list[list[_Outgoing]], waiting: Callable[[], None]) -> int:
        errors: dict[int, KafkaError] = {}
        if self._is_refused:  # the others of its batch would be sent again with each attempt
            events = events[:1]
        try:
            for position, messages in enumerate(events):
                report = partial(_note, errors, position)
                if not all(self._send(message, report) for message in messages):
                    break
            while self._producer.flush(_ANSWER_SECONDS):
                waiting()
        except BaseException:
            self._restart()
            raise
        self._is_refused = 0 in errors
        if not errors:
            return len(events)
        self._restart()
        first = min(errors)
        if first == 0:
            refused = events[0][0]
            raise PublishError(f"{errors[0]}; {refused.topic}: {str(refused.value)[:200]}")
        return first

    def _send(self, message: _Outgoing, report: Callable[[KafkaError | None, Message | None], None]) -> bool:
        """Queue the message; False if librdkafka itself refuses it, which it then has reported."""
        try:
            self._producer.produce(
                message.topic,
                key=message.key,
                value=message.value,
                headers=_HEADERS,
                on_delivery=report,
            )
        except KafkaException as error:
            report(error.args[0], None)
            return False
        return True

    def _restart(self) -> None:
        """Drop what is queued: it is all in the outbox, and is sent again from the lowest id.

        The old producer is not used again: what was in flight is a gap, which is fatal to a gapless producer,
        and a fatal error is raised by every later call.
        """
        self._producer.purge()
        self._producer = _producer()


def _of_event(event: Event) -> list[_Outgoing]:
    return _messages(event, json.dumps(to_wire(event), separators=(",", ":")))


def _messages(event: Event | OutboxRow, value: str) -> list[_Outgoing]:
    """The event, and after a deletion on the compacted topic the tombstone of its key."""
    message = _Outgoing(event.topic, event.key, value)
    return [message, message._replace(value=None)] if event.type in BURIED_BY_A_TOMBSTONE else [message]


def consumer_of(group: str, *, on_commit: OnCommit | None = None) -> Consumer:
    """A client that reads as a member of the group and commits only what it is asked to commit.

    `on_commit` is called, while the client is polled, when an asynchronous commit has ended.
    """
    return Consumer(
        _connection_settings()
        | {
            "group.id": group,
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "auto.offset.reset": "earliest",
            "partition.assignment.strategy": "cooperative-sticky",
            # After this long another takes over from one that was killed. The default is 45 s.
            "session.timeout.ms": 10_000,
        }
        | ({"on_commit": on_commit} if on_commit else {}),
        logger=_librdkafka,
    )


def dead_letter_producer() -> Producer:
    """A producer that gives up after seconds, and on one message only: dead letters have no order to keep."""
    return Producer(
        _connection_settings()
        | {
            "acks": "all",
            "message.timeout.ms": 10_000,
            # The topic decides what is too large.
            "message.max.bytes": 16 * 1024 * 1024,
            "compression.type": "lz4",
            "partitioner": "murmur2_random",
        },
        logger=_librdkafka,
    )


def admin_client() -> AdminClient:
    return AdminClient(_connection_settings(), logger=_librdkafka)


def _producer() -> Producer:
    return Producer(
        _connection_settings()
        | {
            "enable.idempotence": True,
            # A refused event must not be overtaken by a later one of its partition.
            "enable.gapless.guarantee": True,
            "log_level": 3,  # errors; a warning says at each start that the line above is experimental
            "acks": "all",
            # No limit: while the broker is away an event waits, as its row does.
            "message.timeout.ms": 0,
            "request.timeout.ms": 10_000,
            "linger.ms": 5,
            "compression.type": "lz4",
            # The same partition for a key as Java's clients choose.
            "partitioner": "murmur2_random",
        },
        logger=_librdkafka,
    )


def _connection_settings() -> dict[str, Any]:
    return {
        "bootstrap.servers": settings.KAFKA_BOOTSTRAP_SERVERS,
        "socket.timeout.ms": 10_000,
        # Often enough to find a Kafka that is back, not often enough to flood the log.
        "reconnect.backoff.ms": 500,
        "reconnect.backoff.max.ms": 2_000,
        **settings.KAFKA_SECURITY,
    }


def _note(
    errors: dict[int, KafkaError], position: int, error: KafkaError | None, _message: Message | None
) -> None:
    if error is not None:
        errors[position] = error
