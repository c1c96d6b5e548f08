"""Administration of Kafka: topics are created, groups' offsets are read and set back.

How far the groups lag behind, and how a group is made to read its topics again.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from time import time

from django.conf import settings
from prometheus_client import Gauge

from events_app.catalogue import CATALOGUE, DEAD_LETTERS, TAG_EVENTS
from events_app.groups import group_names, topics_of
from events_app.kafka import (
    ConfigResource,
    Consumer,
    KafkaError,
    KafkaException,
    NewTopic,
    TopicPartition,
    admin_client,
    consumer_of,
)

LAG = Gauge(
    "todo_consumer_lag",
    "Messages a group has not committed yet, as a relay asks for it.",
    ["group", "topic"],
    multiprocess_mode="mostrecent",
)
LAG_ASKED = Gauge(
    "todo_consumer_lag_asked_timestamp_seconds",
    "When a relay last asked.",
    multiprocess_mode="mostrecent",
)
_ANSWER_SECONDS = 10
CREATION_SECONDS = 60
# A dead letter is the message that came and headers that say where from: together not too large.
_LARGEST_DEAD_LETTER = 2 * 1024 * 1024


def create_topics() -> list[str]:
    """Make the topics that are missing, as settings say; their names. Raises KafkaException."""
    admin = admin_client()
    there = admin.list_topics(timeout=CREATION_SECONDS).topics
    wanted = sorted(all_topics() - set(there))
    for future in admin.create_topics([_new_topic(name) for name in wanted]).values() if wanted else ():
        future.result(CREATION_SECONDS)
    return wanted


def differences() -> list[str]:
    """Where a topic that is there is not as settings say, in words. Raises KafkaException."""
    admin = admin_client()
    there = admin.list_topics(timeout=CREATION_SECONDS).topics
    resources = [ConfigResource("topic", name) for name in sorted(all_topics() & set(there))]
    found: list[str] = []
    for resource, future in admin.describe_configs(resources).items():
        has = {name: entry.value for name, entry in future.result(CREATION_SECONDS).items()}
        has["partitions"] = str(len(there[resource.name].partitions))
        wanted = _configuration(resource.name) | {"partitions": str(settings.KAFKA_TOPIC_PARTITIONS)}
        found += [
            f"{resource.name} has {name} {has[name]}, settings say {value}"
            for name, value in wanted.items()
            if has[name] != value
        ]
    return found


def all_topics() -> set[str]:
    topics = {kind.topic for kind in CATALOGUE.values()}
    return topics | {f"{topic}{DEAD_LETTERS}" for topic in topics}


def _new_topic(name: str) -> NewTopic:
    return NewTopic(
        name,
        num_partitions=settings.KAFKA_TOPIC_PARTITIONS,
        replication_factor=settings.KAFKA_TOPIC_REPLICATION,
        config=_configuration(name),
    )


def _configuration(name: str) -> dict[str, str]:
    milliseconds = str(int(settings.KAFKA_TOPIC_RETENTION.total_seconds() * 1000))
    if name == TAG_EVENTS:  # a consumer that was away for as long as this still reads a deletion
        return {"cleanup.policy": "compact", "delete.retention.ms": milliseconds}
    kept = {"retention.ms": milliseconds}
    larger = {"max.message.bytes": str(_LARGEST_DEAD_LETTER)} if name.endswith(DEAD_LETTERS) else {}
    return kept | larger


class RewindError(ValueError):
    """The group cannot be sent there; the message says why."""


@dataclass(frozen=True, kw_only=True)
class GroupOffset:
    """A group's offset in a partition: it reads `next` next, of those kept from `first` to before `end`."""

    topic: str
    partition: int
    first: int
    end: int
    next: int


def offsets_of(client: Consumer, topics: Iterable[str]) -> list[GroupOffset]:
    """The offset of the client's group in each partition. Raises KafkaException."""
    return [_offset(client, one) for one in _with_committed(client, topics)]


def _with_committed(client: Consumer, topics: Iterable[str]) -> Sequence[TopicPartition]:
    known = {topic: client.list_topics(topic, timeout=_ANSWER_SECONDS).topics[topic] for topic in topics}
    for metadata in known.values():
        if metadata.error is not None:
            raise KafkaException(metadata.error)
    wanted = [TopicPartition(topic, number) for topic in known for number in sorted(known[topic].partitions)]
    return client.committed(wanted, timeout=_ANSWER_SECONDS)


def _offset(client: Consumer, committed: TopicPartition) -> GroupOffset:
    first, end = client.get_watermark_offsets(committed, timeout=_ANSWER_SECONDS)
    following = max(committed.offset, first)  # a group that has committed nothing begins at the first
    return GroupOffset(
        topic=committed.topic, partition=committed.partition, first=first, end=end, next=following
    )


class Lags:
    """Asks Kafka how far each group is behind, also groups without a running consumer."""

    def __init__(self) -> None:
        self._clients = {group: consumer_of(group) for group in group_names()}  # no members: they only ask

    def measure(self) -> None:
        for group, client in self._clients.items():
            lags = dict.fromkeys(topics_of(group), 0)
            for offset in offsets_of(client, lags):
                lags[offset.topic] += offset.end - offset.next
            for topic, lag in lags.items():
                LAG.labels(group, topic).set(lag)
        LAG_ASKED.set(time())


def plan(
    client: Consumer, topics: Iterable[str], *, start: datetime | int | None, partition: int | None = None
) -> list[tuple[GroupOffset, int]]:
    """Each offset that would change, and what it goes back to; `start` None is the first that is kept.

    Never forward: that would leave events out. Raises RewindError when it cannot go back there.
    """
    there = [one for one in offsets_of(client, topics) if partition in (None, one.partition)]
    if not there:
        raise RewindError(f"{', '.join(topics)} has no partition {partition}.")
    if isinstance(start, datetime):
        found = _at_time(client, there, start)
    else:
        found = [one.first if start is None else _checked(one, start) for one in there]
    return [(now, to) for now, to in zip(there, found, strict=True) if to < now.next]


def _checked(now: GroupOffset, offset: int) -> int:
    where = f"{now.topic}, partition {now.partition},"
    if not now.first <= offset <= now.end:
        raise RewindError(f"{where} keeps offsets {now.first} to {now.end - 1}; {offset} is not one of them.")
    if offset > now.next:
        raise RewindError(f"{where} is read up to {now.next}: from {offset} on, events would be left out.")
    return offset


def _at_time(client: Consumer, there: Sequence[GroupOffset], start: datetime) -> list[int]:
    """For each, the first offset that is not older; the end if all are older."""
    milliseconds = int(start.timestamp() * 1000)
    asked = [TopicPartition(one.topic, one.partition, milliseconds) for one in there]
    found = client.offsets_for_times(asked, timeout=_ANSWER_SECONDS)
    return [at.offset if at.offset >= 0 else now.end for at, now in zip(found, there, strict=True)]


def rewind(client: Consumer, plan: Iterable[tuple[GroupOffset, int]]) -> None:
    """Commit the offsets. Raises RewindError when a consumer of the group runs meanwhile."""
    offsets = [TopicPartition(now.topic, now.partition, to) for now, to in plan]
    try:
        client.commit(offsets=offsets, asynchronous=False)
    except KafkaException as error:
        if error.args[0].code() != KafkaError.UNKNOWN_MEMBER_ID:
            raise
        raise RewindError("A consumer of the group has started meanwhile: stop it first.") from error


def members_of(group: str) -> int:
    """How many consumers of the group run; 0 when Kafka has never heard of it. Raises KafkaException."""
    admin = admin_client()  # it answers only as long as it is referenced
    described = admin.describe_consumer_groups([group], request_timeout=_ANSWER_SECONDS)[group]
    try:
        return len(described.result(_ANSWER_SECONDS).members)
    except KafkaException as error:
        if error.args[0].code() != KafkaError.GROUP_ID_NOT_FOUND:
            raise
        return 0
