"""A Kafka that demands TLS and a name with its password (SASL/SCRAM-SHA-256), as managed ones do."""

from collections.abc import Iterator
from uuid import uuid4

import pytest
from pytest_django import Settings

from devkit.embedded.kafka.server import Kafka, Login
from events_app.consuming import GroupConsumer
from events_app.kafka import KafkaBroker
from events_app.kafka_admin import create_topics
from tests.events_app.kafka_servers import real_kafka
from tests.events_app.test_broker_contract import event

pytestmark = [pytest.mark.slow, pytest.mark.kafka, pytest.mark.django_db]

LOGIN = Login(user="todo", password="correct-horse-battery")


@pytest.fixture(scope="module")
def kafka() -> Iterator[Kafka]:
    with real_kafka(LOGIN) as server:
        yield server


@pytest.fixture
def security(kafka: Kafka, settings: Settings) -> dict[str, str]:
    settings.KAFKA_BOOTSTRAP_SERVERS = kafka.bootstrap_servers
    settings.KAFKA_TOPIC_PARTITIONS = 1
    settings.KAFKA_SECURITY = {
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "SCRAM-SHA-256",
        "sasl.username": LOGIN.user,
        "sasl.password": LOGIN.password,
        "ssl.ca.location": str(kafka.certificate_authority),
    }
    return settings.KAFKA_SECURITY


def give_up() -> None:
    raise TimeoutError


@pytest.mark.usefixtures("security")
def test_events_pass_with_the_right_password() -> None:
    create_topics()
    sent = event("1", str(uuid4()))
    assert KafkaBroker().publish([sent], waiting=lambda: None) == 1
    reader = GroupConsumer(f"reader-{uuid4()}")
    reader.topics = ["reminders"]
    with reader.joined() as client:
        (message,) = client.consume(1, timeout=180)
    assert (message.error(), (message.key() or b"").decode()) == (None, sent.key)


WRONG = [{"sasl.password": "guessed"}, {"security.protocol": "PLAINTEXT"}, {"ssl.ca.location": ""}]


@pytest.mark.parametrize("wrong", WRONG, ids=str)
def test_nothing_passes_without(security: dict[str, str], wrong: dict[str, str]) -> None:
    security |= wrong
    if not security["ssl.ca.location"]:
        del security["ssl.ca.location"]  # then only the machine's own authorities are trusted
    with pytest.raises(TimeoutError):
        KafkaBroker().publish([event("1", str(uuid4()))], waiting=give_up)
