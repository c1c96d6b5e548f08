"""Where the groups are on their topics: how far they lag behind, and how they are sent back to read again."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from time import time

from prometheus_client import Gauge

from events_app.catalogue import CATALOGUE
from events_app.groups import group_names, types_of
from events_app.kafka import Consumer, KafkaError, KafkaException, TopicPartition, admin_client, consumer_of

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


class RewindError(ValueError):
    """The group cannot be sent there; the message says why."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a group is in a partition: it reads `next` next, of what is kept from `first` to before `end`."""

    topic: str
    partition: int
    first: int
    end: int
    next: int


def topics_of(group: str) -> list[str]:
    return sorted({CATALOGUE[name].topic for name in types_of(group)})


def places(client: Consumer, topics: Iterable[str]) -> list[Place]:
    """Where the client's group is, in each partition. Raises KafkaException."""
    return [_place(client, one) for one in _with_committed(client, topics)]


def _with_committed(client: Consumer, topics: Iterable[str]) -> Sequence[TopicPartition]:
    known = {topic: client.list_topics(topic, timeout=_ANSWER_SECONDS).topics[topic] for topic in topics}
    for metadata in known.values():
        if metadata.error is not None:
            raise KafkaException(metadata.error)
    wanted = [TopicPartition(topic, number) for topic in known for number in sorted(known[topic].partitions)]
    return client.committed(wanted, timeout=_ANSWER_SECONDS)


def _place(client: Consumer, committed: TopicPartition) -> Place:
    first, end = client.get_watermark_offsets(committed, timeout=_ANSWER_SECONDS)
    following = max(committed.offset, first)  # a group that has committed nothing begins at the first
    return Place(topic=committed.topic, partition=committed.partition, first=first, end=end, next=following)


class Lags:
    """Asks Kafka how far each group is behind: also a group of which no consumer runs."""

    def __init__(self) -> None:
        self._clients = {group: consumer_of(group) for group in group_names()}  # no members: they only ask

    def measure(self) -> None:
        for group, client in self._clients.items():
            lags = dict.fromkeys(topics_of(group), 0)
            for place in places(client, lags):
                lags[place.topic] += place.end - place.next
            for topic, lag in lags.items():
                LAG.labels(group, topic).set(lag)
        LAG_ASKED.set(time())


def plan(
    client: Consumer, topics: Iterable[str], *, start: datetime | int | None, partition: int | None = None
) -> list[tuple[Place, int]]:
    """Each place that would be left, and the offset to go back to; `start` None is the first that is kept.

    Never forward: that would leave events out. Raises RewindError where an offset cannot be gone back to.
    """
    there = [place for place in places(client, topics) if partition in (None, place.partition)]
    if not there:
        raise RewindError(f"{', '.join(topics)} has no partition {partition}.")
    if isinstance(start, datetime):
        found = _at_time(client, there, start)
    else:
        found = [place.first if start is None else _checked(place, start) for place in there]
    return [(place, to) for place, to in zip(there, found, strict=True) if to < place.next]


def _checked(place: Place, offset: int) -> int:
    where = f"{place.topic}, partition {place.partition},"
    if not place.first <= offset <= place.end:
        raise RewindError(f"{where} keeps offsets from {place.first} to {place.end - 1}; {offset} is none.")
    if offset > place.next:
        raise RewindError(f"{where} is read up to {place.next}: from {offset} on, events would be left out.")
    return offset


def _at_time(client: Consumer, there: Sequence[Place], start: datetime) -> list[int]:
    """The first offset of each that is not older; where all are older, the end."""
    asked = [TopicPartition(place.topic, place.partition, int(start.timestamp() * 1000)) for place in there]
    found = client.offsets_for_times(asked, timeout=_ANSWER_SECONDS)
    return [one.offset if one.offset >= 0 else place.end for one, place in zip(found, there, strict=True)]


def rewind(client: Consumer, plan: Iterable[tuple[Place, int]]) -> None:
    """Commit the offsets. Raises RewindError when a consumer of the group runs meanwhile."""
    offsets = [TopicPartition(place.topic, place.partition, to) for place, to in plan]
    try:
        client.commit(offsets=offsets, asynchronous=False)
    except KafkaException as error:
        if error.args[0].code() != KafkaError.UNKNOWN_MEMBER_ID:
            raise
        raise RewindError("A consumer of the group has started meanwhile: stop it first.") from error


def members_of(group: str) -> int:
    """How many consumers of the group run; 0 when Kafka has never heard of it. Raises KafkaException."""
    admin = admin_client()  # which answers as long as somebody holds it
    described = admin.describe_consumer_groups([group], request_timeout=_ANSWER_SECONDS)[group]
    try:
        return len(described.result(_ANSWER_SECONDS).members)
    except KafkaException as error:
        if error.args[0].code() != KafkaError.GROUP_ID_NOT_FOUND:
            raise
        return 0
