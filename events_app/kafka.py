"""Kafka, through confluent-kafka (librdkafka): the one module that imports it.

`KafkaBroker` is what the relay publishes to, `GroupConsumer` what one group of handlers reads.
Source: CloudEvents Kafka protocol binding 1.0.2, structured mode; librdkafka's CONFIGURATION.md.
"""

import json
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from threading import Event as Signal
from typing import Any

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]
from django.conf import settings
from django.db import InterfaceError, OperationalError, connection

from events_app.brokers import PublishError
from events_app.catalogue import CATALOGUE, UnknownEventError
from events_app.envelope import Event, from_wire, to_wire
from events_app.groups import types_of
from events_app.handling import handle

log = structlog.get_logger(__name__)
_librdkafka = logging.getLogger("librdkafka")

CONTENT_TYPE = ("content-type", b"application/cloudevents+json; charset=UTF-8")
DEAD_LETTERS = ".dlq"
# What is in flight at once is what memory holds, and what is sent again after a kill.
PUBLISH_BATCH = 2000
CONSUME_BATCH = 100
_ANSWER_SECONDS = 0.5
_RETRY_SECONDS = 1.0
_CREATE_SECONDS = 30


class KafkaBroker:
    """Publishes with an idempotent producer; an event is taken when its delivery report says so."""

    batch_size = PUBLISH_BATCH

    def __init__(self) -> None:
        self._producer = _producer()

    def publish(self, events: Sequence[Event], *, waiting: Callable[[], None]) -> int:
        """How many events, from the first on, the broker has acknowledged: all, or those before a refusal.

        While the broker is away this waits, without an end of its own, and calls `waiting` twice a second,
        which may raise to give up. Raises PublishError when the first event is refused.
        """
        errors: dict[int, KafkaError] = {}
        try:
            for position, event in enumerate(events):
                if not self._send(event, partial(_note, errors, position)):
                    break
            while self._producer.flush(_ANSWER_SECONDS):
                waiting()
        except BaseException:
            self._start_anew()
            raise
        if not errors:
            return len(events)
        self._start_anew()
        first = min(errors)
        if first == 0:
            raise PublishError(f"Event {events[0].id} for {events[0].topic}: {errors[0]}")
        return first

    def _send(self, event: Event, report: Callable[[KafkaError | None, Message | None], None]) -> bool:
        """Queue the event; False when librdkafka itself refuses it, which is then reported already."""
        try:
            self._producer.produce(
                event.topic,
                key=event.key,
                value=json.dumps(to_wire(event), separators=(",", ":")),
                headers=[CONTENT_TYPE],
                on_delivery=report,
            )
        except KafkaException as error:
            report(error.args[0], None)
            return False
        return True

    def _start_anew(self) -> None:
        """Drop what is queued: it is all in the outbox, and goes again from the lowest id."""
        self._producer.purge()
        self._producer.flush(_ANSWER_SECONDS)
        self._producer = _producer()


class GroupConsumer:
    """Reads the topics of one group and has it handle each event; commits what is handled or parked."""

    def __init__(self, group: str) -> None:
        self.group = group
        self.topics = sorted({CATALOGUE[name].topic for name in types_of(group)})

    def run(self, stopping: Signal) -> None:
        """Consume until `stopping` is set; then commit and leave the group."""
        while not stopping.is_set():
            try:
                with self.joined() as consumer:
                    while not stopping.is_set():
                        self.step(consumer)
            except (OperationalError, InterfaceError, KafkaException) as error:
                # What was not handled is not committed, and comes again.
                log.warning("consumer_starts_anew", group=self.group, error=str(error))
                connection.close()
                stopping.wait(_RETRY_SECONDS)
        connection.close()

    @contextmanager
    def joined(self) -> Iterator[Consumer]:
        """A client that is a member of the group until the block ends."""
        consumer = Consumer(_consumer_settings(self.group), logger=_librdkafka)
        try:
            consumer.subscribe(self.topics)
            yield consumer
        finally:
            consumer.close()

    def step(self, consumer: Consumer) -> int:
        """Handle what came within a tenth of a second, then commit it; how many messages."""
        messages = consumer.consume(CONSUME_BATCH, timeout=0.1)
        for message in messages:
            self._take(message)
        if messages:
            consumer.commit(asynchronous=False)
        return len(messages)

    def _take(self, message: Message) -> None:
        if (error := message.error()) is not None:
            raise KafkaException(error)
        try:
            event = from_message(message)
        except UnknownEventError as unknown:
            self._bury(message, unknown)
            return
        if event.type in types_of(self.group):
            handle(self.group, event)

    def _bury(self, message: Message, reason: Exception) -> None:
        """Put what is no event of ours on the dead-letter topic, and wait until it is there."""
        log.error("message_is_no_event", group=self.group, error=str(reason), **_whence(message))
        headers = _whence(message) | {"group": self.group, "error": str(reason), "attempts": "1"}
        producer = _producer()
        producer.produce(
            f"{message.topic()}{DEAD_LETTERS}",
            key=message.key(),
            value=message.value(),
            headers=[*(message.headers() or []), *((name, text.encode()) for name, text in headers.items())],
        )
        while producer.flush(_ANSWER_SECONDS):
            log.warning("dead_letter_waits_for_the_broker", group=self.group)


def from_message(message: Message) -> Event:
    """The event a message carries. Raises UnknownEventError when it carries none of ours."""
    try:
        wire = json.loads(message.value() or b"")
        return from_wire(wire, key=(message.key() or b"").decode())
    except ValueError as error:
        raise UnknownEventError(str(error)) from error


def _whence(message: Message) -> dict[str, str]:
    return {
        "topic": str(message.topic()),
        "partition": str(message.partition()),
        "offset": str(message.offset()),
    }


def create_topics() -> list[str]:
    """Make the topics that are missing, as settings say; their names. Raises KafkaException."""
    admin = AdminClient(_connection_settings())
    there = admin.list_topics(timeout=_CREATE_SECONDS).topics
    topics = {kind.topic for kind in CATALOGUE.values()}
    wanted = sorted(topics.union(f"{topic}{DEAD_LETTERS}" for topic in topics) - set(there))
    for future in admin.create_topics([_new_topic(name) for name in wanted]).values() if wanted else ():
        future.result(_CREATE_SECONDS)
    return wanted


def _new_topic(name: str) -> NewTopic:
    retention = str(int(settings.KAFKA_TOPIC_RETENTION.total_seconds() * 1000))
    return NewTopic(
        name,
        num_partitions=settings.KAFKA_TOPIC_PARTITIONS,
        replication_factor=settings.KAFKA_TOPIC_REPLICATION,
        config={"retention.ms": retention},
    )


def _producer() -> Producer:
    return Producer(
        _connection_settings()
        | {
            "enable.idempotence": True,
            # A refused event must not be overtaken by a later one of its partition.
            "enable.gapless.guarantee": True,
            "log_level": 3,  # errors; a warning says at each start that the line above is experimental
            "acks": "all",
            # No end: while the broker is away an event waits, as its row does.
            "message.timeout.ms": 0,
            "request.timeout.ms": 10_000,
            "linger.ms": 5,
            "compression.type": "lz4",
            # As Java's clients choose: a key is in the same partition whoever wrote it.
            "partitioner": "murmur2_random",
        },
        logger=_librdkafka,
    )


def _consumer_settings(group: str) -> dict[str, Any]:
    return _connection_settings() | {
        "group.id": group,
        "enable.auto.commit": False,
        "auto.offset.reset": "earliest",
        "partition.assignment.strategy": "cooperative-sticky",
        "fetch.wait.max.ms": 50,
    }


def _connection_settings() -> dict[str, Any]:
    return {"bootstrap.servers": settings.KAFKA_BOOTSTRAP_SERVERS, "socket.timeout.ms": 10_000} | (
        settings.KAFKA_SECURITY
    )


def _note(
    errors: dict[int, KafkaError], position: int, error: KafkaError | None, _message: Message | None
) -> None:
    if error is not None:
        errors[position] = error
