"""A dead letter is on its topic when Kafka says so, not before."""

from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from pytest_django import Settings

from events_app import dead_letter_topics
from events_app.dead_letter_topics import DeadLetterTopics
from events_app.dead_letters import bury_message
from events_app.kafka import KafkaError
from events_app.models import DeadLetter
from tests.events_app.kafka_servers import mock_cluster

pytestmark = [pytest.mark.django_db, pytest.mark.slow]


@pytest.fixture(autouse=True)
def servers(settings: Settings) -> Iterator[None]:
    with mock_cluster() as servers:
        settings.KAFKA_BOOTSTRAP_SERVERS = servers
        yield


@pytest.fixture
def dead() -> DeadLetter:
    return bury_message(
        "recurring", topic="task-events", partition=0, offset=7, time=datetime(2026, 1, 1, tzinfo=UTC),
        key=b"alice", value=b"not JSON", headers=[], error="no event",
    )  # fmt: skip


def test_without_a_report_it_waits(
    dead: DeadLetter, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    settings.KAFKA_BOOTSTRAP_SERVERS = "127.0.0.1:1"
    monkeypatch.setattr(dead_letter_topics, "FLUSH_SECONDS", 0)
    assert DeadLetterTopics().publish_some() == 0
    dead.refresh_from_db()
    assert dead.published_at is None


def test_it_goes_once(dead: DeadLetter) -> None:
    topics = DeadLetterTopics()
    assert (topics.publish_some(), topics.publish_some()) == (1, 0)
    dead.refresh_from_db()
    assert dead.published_at is not None


def test_those_that_kafka_refuses_do_not_keep_the_others(
    dead: DeadLetter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dead_letter_topics, "BATCH", 1)
    later = DeadLetter.objects.get(pk=dead.pk)
    later.pk, later.event_id = None, uuid4()
    later.save()
    topics, send = DeadLetterTopics(), DeadLetterTopics.send

    def refuse(self: DeadLetterTopics, letters: list[DeadLetter], **options: bool) -> dict:
        if letters == [dead]:
            return {dead.pk: KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED)}
        return send(self, letters, **options)

    monkeypatch.setattr(DeadLetterTopics, "send", refuse)
    assert [topics.publish_some() for _ in range(5)] == [0, 1, 0, 0, 0]
    later.refresh_from_db()
    assert later.published_at is not None
    monkeypatch.undo()
    assert topics.publish_some() == 1  # its turn again
