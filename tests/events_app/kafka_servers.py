"""Kafkas to test on: librdkafka's own mock, and a real one with Java (given, or started for the run)."""

import ctypes
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from confluent_kafka import cimpl

from devkit.embedded import StartError
from devkit.embedded.claim import claim
from devkit.embedded.kafka.jars import java, kafka_jars
from devkit.embedded.kafka.server import Kafka, Login
from devkit.embedded.places import Places


@contextmanager
def mock_cluster() -> Iterator[str]:
    """The bootstrap servers of a cluster inside this process.

    Made by librdkafka's own functions (rdkafka_mock.h): the one that Python's clients can ask for lets each
    new group wait for three seconds for further members. A real Kafka of ours does not wait either.
    """
    library = _librdkafka()
    owner = library.rd_kafka_new(_PRODUCER, None, None, 0)
    assert owner
    cluster = library.rd_kafka_mock_cluster_new(owner, 1)
    assert cluster
    try:
        library.rd_kafka_mock_group_initial_rebalance_delay_ms(cluster, 0)
        yield library.rd_kafka_mock_cluster_bootstraps(cluster).decode()
    finally:
        library.rd_kafka_mock_cluster_destroy(cluster)
        library.rd_kafka_destroy(owner)


_PRODUCER = 0  # rd_kafka_type_t


def _librdkafka() -> ctypes.CDLL:
    """The one that Python's clients are linked to."""
    library, pointer = ctypes.CDLL(cimpl.__file__), ctypes.c_void_p
    library.rd_kafka_new.restype = pointer
    library.rd_kafka_new.argtypes = [ctypes.c_int, pointer, ctypes.c_char_p, ctypes.c_size_t]
    library.rd_kafka_mock_cluster_new.restype = pointer
    library.rd_kafka_mock_cluster_new.argtypes = [pointer, ctypes.c_int]
    library.rd_kafka_mock_cluster_bootstraps.restype = ctypes.c_char_p
    library.rd_kafka_mock_group_initial_rebalance_delay_ms.argtypes = [pointer, ctypes.c_int32]
    for name in ("mock_cluster_bootstraps", "mock_cluster_destroy", "destroy"):
        getattr(library, f"rd_kafka_{name}").argtypes = [pointer]
    return library


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
