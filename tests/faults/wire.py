"""What is on the topics, as another team would read it from the start; and how far the groups have come."""

import json
from dataclasses import dataclass
from time import monotonic, sleep
from typing import Any
from uuid import uuid4

from confluent_kafka import Consumer, KafkaException, TopicPartition

TOPICS = ("task-events", "task-updates", "reminders")
_PATIENCE_SECONDS = 300


@dataclass(frozen=True)
class Message:
    """`at`: when its producer made it, epoch seconds."""

    topic: str
    partition: int
    offset: int
    at: float
    key: str
    event: dict[str, Any]


def partitions(client: Consumer, *topics: str) -> list[TopicPartition]:
    there = client.list_topics(timeout=30).topics
    return [TopicPartition(topic, number) for topic in topics for number in there[topic].partitions]


def read_all(servers: str, *topics: str) -> list[Message]:
    """Every message there is now, each partition's in its order."""
    client = _client(servers, f"reader-{uuid4()}")
    ends = {
        (one.topic, one.partition): client.get_watermark_offsets(one)[1]
        for one in partitions(client, *topics)
    }
    client.assign([TopicPartition(topic, number, 0) for topic, number in ends])
    left = sum(ends.values())
    found: list[Message] = []
    deadline = monotonic() + _PATIENCE_SECONDS
    while left > 0:
        assert monotonic() < deadline, f"{left} messages did not come"
        for message in client.consume(10_000, timeout=1):
            assert message.error() is None, message.error()
            left -= 1
            at = message.timestamp()[1] / 1000
            key = (message.key() or b"").decode()
            event = json.loads(message.value() or b"")
            found.append(Message(message.topic(), message.partition(), message.offset(), at, key, event))
    client.close()
    return sorted(found, key=lambda one: (one.topic, one.partition, one.offset))


def lag(servers: str, group: str, *topics: str) -> int:
    """How many messages the group has not committed yet."""
    client = _client(servers, group)
    committed = _committed(client, partitions(client, *topics))
    behind = sum(client.get_watermark_offsets(one)[1] - max(one.offset, 0) for one in committed)
    client.close()
    return int(behind)


def _committed(client: Consumer, of: list[TopicPartition]) -> list[TopicPartition]:
    """While Kafka is still making up its mind who knows it (its first seconds), ask again."""
    for attempt in range(50):
        try:
            return client.committed(of, timeout=30)
        except KafkaException:
            if attempt == 49:
                raise
            sleep(0.2)
    raise AssertionError


def _client(servers: str, group: str) -> Consumer:
    return Consumer({"bootstrap.servers": servers, "group.id": group, "enable.auto.commit": False})
