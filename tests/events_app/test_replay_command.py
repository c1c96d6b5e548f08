"""`manage.py replay`: a group reads its topics again, and leaves nothing out; how far it is behind."""

from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from pytest_django import Settings

from events_app.consuming import GroupConsumer
from events_app.kafka import KafkaBroker
from events_app.kafka_admin import LAG, Lags, create_topics, differences
from tests.events_app.kafka_servers import real_kafka
from tests.events_app.test_broker_contract import Group, event
from tests.events_app.test_consuming import read_all, step_until


def replay(*arguments: object) -> str:
    out = StringIO()
    call_command("replay", *map(str, arguments), stdout=out)
    return out.getvalue()


class TestWithoutKafka:
    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (["--group", "recurring", "--from", "start"], "Without Kafka there is nothing to read again"),
            (["--group", "recurring", "--from", "2030-05-01T09:00:00"], "has no time zone"),
            (["--group", "recurring", "--from", "soon"], "is not a time"),
            (["--group", "recurring", "--from", "2030-13-01T09:00:00Z"], "is not a time"),
            (["--group", "recurring", "--from", "7"], "belongs to one partition"),
        ],
        ids=lambda given: given[-1] if isinstance(given, list) else "",
    )
    def test_it_says_what_is_wrong(self, settings: Settings, arguments: list[str], said: str) -> None:
        settings.KAFKA_BOOTSTRAP_SERVERS = ""
        with pytest.raises(CommandError, match=said):
            replay(*arguments)

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (["--group", "phones", "--from", "start"], "no group phones; known are .*recurring"),
            (["--group", "recurring", "--from", "start", "--topic", "reminders"], "does not read reminders"),
            (["--group", "recurring", "--from", "start", "--partition", "1"], "needs --topic"),
        ],
        ids=str,
    )
    def test_and_before_it_asks_kafka(self, settings: Settings, arguments: list[str], said: str) -> None:
        settings.KAFKA_BOOTSTRAP_SERVERS = "127.0.0.1:1"
        with pytest.raises(CommandError, match=said):
            replay(*arguments)


@pytest.fixture(scope="module")
def kafka() -> Iterator[str]:
    with real_kafka() as server:
        yield server.bootstrap_servers


@pytest.fixture
def group(kafka: str, settings: Settings, no_handlers: None) -> Group:
    settings.KAFKA_BOOTSTRAP_SERVERS = kafka
    settings.KAFKA_TOPIC_PARTITIONS = 2
    create_topics()
    return Group()


def publish(*subjects: str, key: str) -> None:
    KafkaBroker().publish([event(subject, key) for subject in subjects], waiting=lambda: None)


def read(group: Group, key: str, count: int) -> None:
    """Until the group has handled so many of the key, again and again counted."""
    consumer = GroupConsumer(group.name)
    with consumer.joined() as client:
        step_until(consumer, client, lambda: len(group.handled.get(key, [])) >= count)
        read_all(consumer, client)


def end_of(key_line: str) -> int:
    return int(key_line.rsplit(" ", 1)[1])


@pytest.mark.slow
@pytest.mark.kafka
def test_topics_that_are_there_stay_and_where_they_differ_is_reported(kafka: str, settings: Settings) -> None:
    settings.KAFKA_BOOTSTRAP_SERVERS, settings.KAFKA_TOPIC_PARTITIONS = kafka, 2
    create_topics()
    assert (create_topics(), differences()) == ([], [])
    settings.KAFKA_TOPIC_PARTITIONS, settings.KAFKA_TOPIC_RETENTION = 3, timedelta(days=1)
    err = StringIO()
    call_command("create_topics", stdout=StringIO(), stderr=err)
    told = err.getvalue()
    assert "reminders has partitions 2, settings say 3. The topic stays as it is." in told
    assert (
        "reminders.dlq has retention.ms 604800000, settings say 86400000. The topic stays as it is." in told
    )


@pytest.mark.slow
@pytest.mark.kafka
@pytest.mark.django_db
class TestOnKafka:
    def test_from_the_start(self, group: Group) -> None:
        key = str(uuid4())
        publish("1", "2", "3", key=key)
        read(group, key, 3)
        said = replay("--group", group.name, "--from", "start", "--dry-run")
        assert "would be read again" in said
        assert replay("--group", group.name, "--from", "start", "--dry-run") == said
        assert "will be read again" in replay("--group", group.name, "--from", "start")
        read(group, key, 6)
        assert group.handled[key] == ["1", "2", "3"] * 2

    def test_from_a_time(self, group: Group) -> None:
        key = str(uuid4())
        publish("1", "2", key=key)
        moment = timezone.now() + timedelta(milliseconds=2)
        while timezone.now() <= moment:
            pass
        publish("3", key=key)
        read(group, key, 3)
        assert replay("--group", group.name, "--from", moment.isoformat()).endswith(
            f"1 messages will be read again by {group.name}.\n"
        )
        read(group, key, 4)
        assert group.handled[key] == ["1", "2", "3", "3"]
        assert replay("--group", group.name, "--from", "2100-01-01T00:00:00Z").startswith("0 messages")

    def test_from_an_offset(self, group: Group) -> None:
        key = str(uuid4())
        publish("1", "2", "3", key=key)
        read(group, key, 3)
        lines = replay("--group", group.name, "--from", "start", "--dry-run").splitlines()[:-1]
        place = max(lines, key=end_of)  # "reminders 1: from 0, was at 12: 12"
        partition, was_at = place.split()[1].rstrip(":"), int(place.split()[6].rstrip(":"))
        where = ["--topic", "reminders", "--partition", partition]
        for offset in (was_at + 1, 10**15):
            with pytest.raises(CommandError, match=f"{offset} is not one of them"):
                replay("--group", group.name, "--from", offset, *where)
        assert f"from {was_at - 1}" in replay("--group", group.name, "--from", was_at - 1, *where)
        with pytest.raises(CommandError, match="events would be left out"):
            replay("--group", group.name, "--from", was_at, *where)
        with pytest.raises(CommandError, match="no partition 7"):
            replay("--group", group.name, "--from", "start", "--topic", "reminders", "--partition", 7)

    def test_not_while_a_consumer_runs(self, group: Group) -> None:
        key = str(uuid4())
        publish("1", key=key)
        consumer = GroupConsumer(group.name)
        with consumer.joined() as client:
            step_until(consumer, client, lambda: key in group.handled)
            with pytest.raises(CommandError, match=f"1 consumers of {group.name} are running"):
                replay("--group", group.name, "--from", "start")
            assert "would be read again" in replay("--group", group.name, "--from", "start", "--dry-run")

    def test_how_far_a_group_is_behind(self, group: Group) -> None:
        """Though no consumer of it runs."""
        lag = LAG.labels(group.name, "reminders")
        key = str(uuid4())
        publish("1", "2", key=key)
        lags = Lags()
        lags.measure()
        assert lag._value.get() >= 2
        read(group, key, 2)
        lags.measure()
        assert lag._value.get() == 0
        publish("3", "4", "5", key=key)
        lags.measure()
        assert lag._value.get() == 3
