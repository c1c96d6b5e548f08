"""Kafkas to test on: librdkafka's own mock, and a real one with Java (given, or started for the run)."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from confluent_kafka import Producer

from devkit.embedded import StartError
from devkit.embedded.claim import claim
from devkit.embedded.kafka.jars import java, kafka_jars
from devkit.embedded.kafka.server import Kafka, Login
from devkit.embedded.places import Places


@contextmanager
def mock_cluster() -> Iterator[str]:
    """The bootstrap servers of a cluster inside this process, which lives as long as its producer."""
    owner = Producer({"bootstrap.servers": "none", "test.mock.num.brokers": 1})
    brokers = owner.list_topics(timeout=60).brokers.values()
    yield ",".join(f"{broker.host}:{broker.port}" for broker in brokers)
    owner.flush(1)


@contextmanager
def real_kafka(login: Login | None = None, *, prefix: str = "todo-kafka-", **ports: int) -> Iterator[Kafka]:
    """A node of its own that is gone afterwards. Skips the test where there is no Java, unless in CI.

    `prefix` begins the name of its folder; `ports` are Kafka's `port` and `advertised_port`.
    """
    require_java()
    with tempfile.TemporaryDirectory(prefix=prefix) as folder:
        places = Places(data=Path(folder))
        kafka = Kafka(places, login=login, **ports)
        with claim(places, command="test"):
            try:
                kafka.start()
                kafka.wait_until_ready()
                yield kafka
            finally:
                kafka.stop()


def require_java() -> None:
    try:
        java()
        kafka_jars()
    except StartError as missing:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"a real Kafka cannot run here: {missing}")
