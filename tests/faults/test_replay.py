"""A story replayed from its start, three times, changes no row: in this process and on a real Kafka."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack

import pytest
import time_machine
from django.core.management import call_command
from django.db import connection
from pytest_django import Settings

from accounts_app.models import User
from devkit.demo.push_service import push_service
from devkit.embedded.instance import new_vapid_key
from events_app.brokers import Broker, InProcessBroker
from events_app.consuming import GroupConsumer
from events_app.envelope import Event, OutboxRow
from events_app.groups import group_names, topics_of
from events_app.kafka import Consumer
from events_app.kafka_admin import create_topics
from events_app.relay import broker_of_settings, relay_batch
from tasks_app.models import Task
from tests.events_app.kafka_servers import real_kafka
from tests.faults.story import NOON, Story
from tests.faults.wire import lag

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
ROUNDS = 3


class InThisProcess:
    """The relay calls the handlers; killed before it removed the rows, it does so again."""

    def __init__(self) -> None:
        self.told: list[Event] = []
        self.broker = InProcessBroker()

    def tell(self) -> None:
        while relay_batch(Remembering(self.broker, self.told)):
            pass

    def tell_again(self) -> None:
        self.broker.publish(self.told, waiting=lambda: None)


class Remembering:
    """A broker that keeps what it was given."""

    def __init__(self, broker: Broker, told: list[Event]) -> None:
        self.broker, self.told, self.batch_size = broker, told, broker.batch_size

    def publish(self, events: Sequence[Event], *, waiting: Callable[[], None]) -> int:
        self.told += events
        return self.broker.publish(events, waiting=waiting)

    def publish_rows(self, rows: Sequence[OutboxRow], *, waiting: Callable[[], None]) -> int:
        return self.publish([row.event() for row in rows], waiting=waiting)


class OnKafka:
    """A real one, each group with its consumer."""

    def __init__(self, servers: str) -> None:
        self.servers = servers
        self.broker = broker_of_settings()
        self.consumers: dict[str, tuple[GroupConsumer, Consumer]] = {}
        self.members = ExitStack()

    def tell(self) -> None:
        while relay_batch(self.broker):
            pass
        self._consume()

    def tell_again(self) -> None:
        self.leave()  # a group that has a member is not sent back
        for group in group_names():
            call_command("replay", "--group", group, "--from", "start")
            assert lag(self.servers, group, *GroupConsumer(group).topics) > 0
        self._consume()

    def leave(self) -> None:
        self.members.close()
        self.consumers.clear()

    def _consume(self) -> None:
        for group in group_names():
            while lag(self.servers, group, *topics_of(group)):
                consumer, client = self._member(group)
                while consumer.step(client):
                    pass

    def _member(self, group: str) -> tuple[GroupConsumer, Consumer]:
        """Joined when there is something to read: who leaves before that is missed for a while."""
        if group not in self.consumers:
            consumer = GroupConsumer(group)
            self.consumers[group] = consumer, self.members.enter_context(consumer.joined())
        return self.consumers[group]


@pytest.fixture(params=["in_process", pytest.param("kafka", marks=pytest.mark.kafka)])
def broker(
    request: pytest.FixtureRequest, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Iterator[InThisProcess | OnKafka]:
    if request.param == "in_process":
        yield InThisProcess()
        return
    with real_kafka() as kafka:
        settings.KAFKA_BOOTSTRAP_SERVERS = kafka.bootstrap_servers
        settings.KAFKA_TOPIC_PARTITIONS = 3
        # Each group has read all when it has committed all: it need not wait for more to commit with it.
        monkeypatch.setattr("events_app.consuming.COMMIT_SECONDS", 0.0)
        create_topics()
        broker = OnKafka(kafka.bootstrap_servers)
        yield broker
        broker.leave()


def tables() -> dict[str, list[str]]:
    """Every row of every table, as text with all its columns."""
    with connection.cursor() as cursor:
        names = connection.introspection.table_names(cursor)
        found = {}
        for name in names:
            cursor.execute(f"SELECT t::text FROM {name} AS t ORDER BY 1")
            found[name] = [row for (row,) in cursor.fetchall()]
        return found


def test_nothing_changes(
    broker: InThisProcess | OnKafka, settings: Settings, alice: User, bob: User, charlie: User
) -> None:
    settings.PUSH_ALLOW_INSECURE_ENDPOINTS = True
    settings.VAPID_PRIVATE_KEY = new_vapid_key()
    with push_service() as service, time_machine.travel(NOON, tick=False) as clock:
        Story(service, clock, broker.tell).tell(alice, bob, charlie)
        broker.tell()
        before, pushed = tables(), service.requests
        assert Task.objects.count() > 10
        for _ in range(ROUNDS):
            broker.tell_again()
            clock.shift(3600)
            assert {name: rows for name, rows in tables().items() if rows != before[name]} == {}
        assert service.requests == pushed
