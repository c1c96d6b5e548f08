"""The topics of the catalogue, each with its dead letters'."""

from django.conf import settings

from events_app.catalogue import CATALOGUE, DEAD_LETTERS
from events_app.kafka import ConfigResource, NewTopic, admin_client

# A dead letter is the message that came and the headers that say whence, which must not be too much for it.
_LARGEST_DEAD_LETTER = 2 * 1024 * 1024
_ANSWER_SECONDS = 30


def create_topics() -> list[str]:
    """Make the topics that are missing, as settings say; their names. Raises KafkaException."""
    admin = admin_client()
    there = admin.list_topics(timeout=_ANSWER_SECONDS).topics
    wanted = sorted(all_topics() - set(there))
    for future in admin.create_topics([_new_topic(name) for name in wanted]).values() if wanted else ():
        future.result(_ANSWER_SECONDS)
    return wanted


def differences() -> list[str]:
    """Where a topic that is there is not as settings say, in words. Raises KafkaException."""
    admin = admin_client()
    there = admin.list_topics(timeout=_ANSWER_SECONDS).topics
    resources = [ConfigResource("topic", name) for name in sorted(all_topics() & set(there))]
    found: list[str] = []
    for resource, future in admin.describe_configs(resources).items():
        has = {name: entry.value for name, entry in future.result(_ANSWER_SECONDS).items()}
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
    kept = {"retention.ms": str(int(settings.KAFKA_TOPIC_RETENTION.total_seconds() * 1000))}
    larger = {"max.message.bytes": str(_LARGEST_DEAD_LETTER)} if name.endswith(DEAD_LETTERS) else {}
    return kept | larger
