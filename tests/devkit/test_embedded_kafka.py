"""The Kafka of development and tests."""

from uuid import UUID

import pytest

from devkit.embedded.kafka import server
from devkit.embedded.kafka.server import Login
from tests.events_app.kafka_servers import real_kafka


@pytest.mark.kafka
def test_an_id_that_begins_with_a_dash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "uuid4", lambda: UUID(bytes=b"\xf8" * 16))
    with real_kafka() as kafka:
        assert kafka.process
        assert kafka.process.poll() is None


@pytest.mark.kafka
def test_a_path_with_letters_outside_ascii(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the shell has no locale, and with TLS, whose files are named in the configuration."""
    for name in ("LANG", "LC_ALL", "LC_CTYPE"):
        monkeypatch.delenv(name, raising=False)
    with real_kafka(Login("alice", "a-password"), prefix="Übungen für später 日本 😀 ") as kafka:
        assert kafka.process
        assert kafka.process.poll() is None
        assert kafka.certificate_authority
        assert (kafka.certificate_authority.parents[1] / "topics" / "meta.properties").exists()
