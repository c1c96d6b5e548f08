"""A Kafka of the benchmark's own, and an outbox full of events for it."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings

from accounts_app.models import User
from benchmarks.stage import Stage, execute, people
from devkit.embedded.claim import claim
from devkit.embedded.kafka.server import Kafka
from devkit.embedded.places import Places
from events_app.kafka_admin import create_topics
from events_app.models import OutboxEvent
from tasks_app.services import create_task, update_task

OWNERS = 100


@contextmanager
def real_kafka(stage: Stage) -> Iterator[str]:
    """The bootstrap servers of one node with our topics, which ends with the block; settings name it."""
    places = Places(data=stage.folder / "kafka")
    places.data.mkdir()
    kafka = Kafka(places)
    with claim(places, command="bench"):
        try:
            kafka.start()
            kafka.wait_until_ready()
            settings.KAFKA_BOOTSTRAP_SERVERS = kafka.bootstrap_servers
            create_topics()
            yield kafka.bootstrap_servers
        finally:
            settings.KAFKA_BOOTSTRAP_SERVERS = ""
            kafka.stop()


class Outbox:
    """Events of a hundred users' tasks, created and changed, of which `fill` makes as many as are wanted."""

    def __init__(self) -> None:
        self._users: list[User] = [person.user for person in people("relayed", OWNERS)]
        for user in self._users:
            task = create_task(user, title="Water the plants", description="All of them, the hidden one too.")
            update_task(task, pinned=True)
        execute("CREATE TEMPORARY TABLE some_events AS SELECT * FROM outbox_events")
        self.kinds = OutboxEvent.objects.count()

    def fill(self, count: int) -> None:
        """Make it hold `count` committed events and nothing else."""
        execute("TRUNCATE outbox_events")
        execute(
            "INSERT INTO outbox_events"
            " (event_id, topic, type, key, subject, sequence, time, data, request_id)"
            " SELECT gen_random_uuid(), topic, type, key, subject, n, time, data, 'benchmark'"
            f" FROM some_events, generate_series(1, {count // self.kinds + 1}) AS n"
            f" ORDER BY n, id LIMIT {count}"
        )
        execute("ANALYZE outbox_events")
