"""The Kafka of development and tests."""

from uuid import UUID

import pytest

from devkit.embedded.kafka import server
from tests.events_app.kafka_servers import real_kafka


@pytest.mark.kafka
def test_an_id_that_begins_with_a_dash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "uuid4", lambda: UUID(bytes=b"\xf8" * 16))
    with real_kafka() as kafka:
        assert kafka.process
        assert kafka.process.poll() is None
