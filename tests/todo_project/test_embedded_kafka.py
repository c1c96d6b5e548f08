"""The Kafka of development and tests."""

from uuid import UUID

import pytest

from tests.events_app.kafka_servers import real_kafka
from todo_project.embedded.kafka import server


@pytest.mark.kafka
def test_an_id_that_begins_with_a_dash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "uuid4", lambda: UUID(bytes=b"\xf8" * 16))
    with real_kafka() as kafka:
        assert kafka.process
        assert kafka.process.poll() is None
