"""create_topics where there is no Kafka: one line that says what would be right."""

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from events_app import kafka_admin


def test_a_kafka_that_does_not_answer(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.KAFKA_BOOTSTRAP_SERVERS = "127.0.0.1:1"
    monkeypatch.setattr(kafka_admin, "CREATION_SECONDS", 0.2)
    with pytest.raises(CommandError, match=r"127\.0\.0\.1:1 creates no topics: .+ Wait until it is ready"):
        call_command("create_topics")


def test_without_one() -> None:
    with pytest.raises(CommandError, match="names no Kafka"):
        call_command("create_topics")
