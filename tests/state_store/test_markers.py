"""Markers in the state store expire, and never cause an error."""

from datetime import UTC, datetime

from pytest_django import Settings
from redis import Redis

from state_store.markers import mark_reminders_sent

AT = datetime(2026, 3, 2, 12, tzinfo=UTC)


def test_a_mark_has_its_documented_key_and_goes_away(settings: Settings) -> None:
    assert mark_reminders_sent([987654321], at=AT) is True
    with Redis.from_url(settings.REDIS_URL, decode_responses=True) as store:
        assert store.get("todo-app::reminder-sent::task-987654321") == "2026-03-02T12:00:00+00:00"
        assert 0 < store.ttl("todo-app::reminder-sent::task-987654321") <= 7 * 24 * 3600


def test_without_the_store_there_is_no_mark_and_no_fault(settings: Settings) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    assert mark_reminders_sent([987654321], at=AT) is False
