"""The state store through a sidecar, which keeps a hash where Redis keeps a string: both read both."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from django.conf import settings as project
from pytest_django import Settings
from redis import Redis

from state_store import values
from state_store.conversations import forget_conversation, get_conversation, put_conversation
from state_store.markers import mark_reminders_sent, mark_templates_processed
from state_store.sidecar import SidecarValues
from state_store.value_store import StoreAway, Value
from tests.dapr.sidecar import Sidecar, save_all

KEY = "todo-app::conversation::0b0f4b5e-5b7d-4b5e-8a55-1d7a3f9a2c11"
HOUR = timedelta(hours=1)
TEXTS = [
    "plain",
    "",
    '"quoted"',
    '{"messages": ["ü", "\\u0000"], "context": {"n": 1.25}}',
    "1",
    "[1, 2]",
    "null",
]


@pytest.fixture
def store() -> Iterator[Redis]:
    with Redis.from_url(project.REDIS_URL, decode_responses=True) as client:
        client.delete(KEY)
        yield client
        client.delete(KEY)


@pytest.fixture(params=["redis", "sidecar"])
def way(request: pytest.FixtureRequest, settings: Settings, sidecar: Sidecar, store: Redis) -> str:
    settings.DAPR = ["state"] if request.param == "sidecar" else []
    return str(request.param)


@pytest.mark.parametrize("text", TEXTS)
def test_a_value_comes_back_as_it_was_until_its_time_is_over(way: str, store: Redis, text: str) -> None:
    assert values.put_many({KEY: text, f"{KEY}-2": "other"}, ttl=HOUR) is True
    found = values.get(KEY)
    assert found is not None
    assert (found.text, bool(found.etag)) == (text, True)
    assert 3590 < int(store.ttl(KEY)) <= 3600  # type: ignore[arg-type]
    assert store.type(KEY) == ("hash" if way == "sidecar" else "string")
    assert store.delete(f"{KEY}-2") == 1


@pytest.mark.parametrize("text", TEXTS)
def test_each_way_reads_what_the_other_wrote(way: str, settings: Settings, text: str) -> None:
    other = [] if settings.DAPR else ["state"]
    here, settings.DAPR = settings.DAPR, other
    assert values.put_many({KEY: text}, ttl=HOUR)
    settings.DAPR = here
    found = values.get(KEY)
    assert found is not None
    assert found.text == text
    assert values.put_many({KEY: "over it"}, ttl=HOUR)
    settings.DAPR = other
    found = values.get(KEY)
    assert found is not None
    assert found.text == "over it"


def test_an_object_that_another_app_saved_is_read_as_its_json(way: str) -> None:
    assert save_all([{"key": KEY, "value": {"messages": [], "context": {}}}]) == 204
    found = values.get(KEY)
    assert found is not None
    assert found == Value('{"messages": [], "context": {}}', "1")


def test_a_hash_with_any_data_is_read_as_it_is(way: str, store: Redis) -> None:
    deep = "[" * 100_000
    store.hset(KEY, mapping={"data": deep, "version": "1"})
    assert values.get(KEY) == Value(deep, "1")


def test_nothing_there_and_a_key_of_another_kind_are_none(way: str, store: Redis) -> None:
    assert values.get(KEY) is None
    if way == "redis":
        store.xadd(KEY, {"a": "1"})
        assert values.get(KEY) is None
        store.delete(KEY)
        store.hset(KEY, mapping={"other": "1"})
        assert values.get(KEY) is None
        store.delete(KEY)
        store.execute_command("SET", KEY, b"\xff")
        assert values.get(KEY) is None


def test_of_two_who_replace_the_same_value_one_does(way: str) -> None:
    values.put_many({KEY: "1"}, ttl=HOUR)
    read = values.get(KEY)
    assert read is not None
    assert values.replace(KEY, "2", etag=read.etag, ttl=HOUR) is True
    assert values.replace(KEY, "3", etag=read.etag, ttl=HOUR) is False
    assert (now := values.get(KEY)) is not None
    assert now.text == "2"
    assert values.delete(KEY, etag=read.etag) is False
    assert values.delete(KEY, etag=now.etag) is True
    assert values.get(KEY) is None


def test_what_is_replaced_has_its_time_again(way: str, store: Redis) -> None:
    values.put_many({KEY: "1"}, ttl=timedelta(seconds=20))
    read = values.get(KEY)
    assert read is not None
    values.replace(KEY, "2", etag=read.etag, ttl=HOUR)
    assert 3590 < int(store.ttl(KEY)) <= 3600  # type: ignore[arg-type]


def test_deleting_what_is_not_there_is_no_error(way: str) -> None:
    assert values.delete(KEY) is True
    values.put_many({KEY: "1"}, ttl=HOUR)
    assert values.delete(KEY) is True
    assert values.get(KEY) is None


@pytest.mark.parametrize(
    "wrong",
    [{"DAPR_HTTP_PORT": 1}, {"DAPR_API_TOKEN": "another"}, {"DAPR_STATE_STORE": "unknown"}],
    ids=lambda wrong: next(iter(wrong)),
)
def test_without_the_sidecar_the_work_goes_on(
    sidecar: Sidecar, settings: Settings, caplog: pytest.LogCaptureFixture, wrong: dict[str, object]
) -> None:
    for name, value in wrong.items():
        setattr(settings, name, value)
    assert values.put_many({KEY: "1"}, ttl=HOUR) is False
    assert values.get(KEY) is None
    assert values.replace(KEY, "2", etag="1", ttl=HOUR) is False
    assert values.delete(KEY) is False
    assert settings.DAPR_API_TOKEN not in caplog.text
    with pytest.raises(StoreAway):
        SidecarValues(settings.DAPR_HTTP_PORT).get(KEY)


def test_a_key_that_a_sidecar_refuses_is_a_mistake_of_ours(sidecar: Sidecar) -> None:
    with pytest.raises(ValueError, match=r"\|\|"):
        values.put_many({"a||b": "1"}, ttl=HOUR)
    with pytest.raises(ValueError, match=r"\|\|"):
        values.get("a||b")


def test_markers_go_the_same_way(sidecar: Sidecar, store: Redis) -> None:
    at = datetime(2026, 3, 2, 12, tzinfo=UTC)
    assert mark_reminders_sent([987654322], at=at) is True
    assert mark_templates_processed([987654322], at=at) is True
    for key in ("reminder-sent::task", "recurring-task-processed::template"):
        name = f"todo-app::{key}-987654322"
        assert store.hget(name, "data") == '"2026-03-02T12:00:00+00:00"'
        assert int(store.ttl(name)) > 6 * 24 * 3600  # type: ignore[arg-type]
        store.delete(name)


def test_a_conversation_s_copy_goes_the_same_way(way: str, store: Redis) -> None:
    conversation = UUID(KEY.rpartition("::")[2])
    text = '{"messages": ["ü"], "context": {"n": 0.1234567891}}'
    put_conversation(conversation, text)
    assert get_conversation(conversation) == text
    assert store.type(KEY) == ("hash" if way == "sidecar" else "string")
    assert 3590 < int(store.ttl(KEY)) <= 3600  # type: ignore[arg-type]
    forget_conversation(conversation)
    assert get_conversation(conversation) is None
