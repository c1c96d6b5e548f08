"""The relay publishes through a sidecar: in the order of each key, and a row goes only after its 204."""

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from accounts_app.models import User
from events_app import sidecar as sidecar_module
from events_app.brokers import PublishError
from events_app.envelope import Event, to_wire
from events_app.metrics import NOT_TAKEN
from events_app.models import OutboxEvent
from events_app.outbox import NewEvent, write
from events_app.relay import RECONNECT_SECONDS, Relay, broker_of_settings
from events_app.sidecar import SidecarBroker
from tasks_app.models import Tag
from tests.dapr.sidecar import Sidecar, partition_of
from todo_project.dapr_checks import check_calls, check_dapr

pytestmark = pytest.mark.django_db

USERS = [str(uuid4()) for _ in range(12)]


def never() -> None:
    """What a relay does while it waits."""


def event(subject: str, key: str = USERS[0]) -> Event:
    data = {"task_id": 1, "user_id": key, "title": "x", "reminder_at": "2030-01-01T00:00:00Z", "due_at": None}
    return Event(
        id=uuid4(), topic="reminders", type="reminder.due", key=key, subject=subject, sequence=1,
        time=timezone.now(), data=data, request_id="r-1", actor="user",
    )  # fmt: skip


def written(*subjects: str, key: str = USERS[0]) -> None:
    write(
        [
            NewEvent(type="reminder.due", key=key, subject=subject, sequence=1, data=event(subject, key).data)
            for subject in subjects
        ]
    )


def subjects_on(sidecar: Sidecar, key: str, topic: str = "reminders") -> list[str]:
    [partition] = [part for part in sidecar.topics[topic] if any(one.key == key for one in part)]
    return [json.loads(one.value)["subject"] for one in partition if one.key == key]


@pytest.fixture(autouse=True)
def no_lock_stays(db: None) -> Iterator[None]:
    """A relay's lock is its session's, and this one is that of all tests of the process."""
    yield
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_unlock_all()")


@pytest.fixture
def broker(sidecar: Sidecar) -> SidecarBroker:
    found = broker_of_settings()
    assert isinstance(found, SidecarBroker)
    return found


def test_each_key_keeps_its_order_on_the_partition_of_its_hash(
    sidecar: Sidecar, broker: SidecarBroker
) -> None:
    numbers = [str(number) for number in range(8)]
    sent = [event(number, key) for number in numbers for key in USERS]
    assert broker.publish(sent, waiting=never) == len(sent)
    for key in USERS:
        assert subjects_on(sidecar, key) == numbers
        number = partition_of(key, 3)
        assert {one.key for one in sidecar.topics["reminders"][number]} >= {key}


def test_the_hash_is_fnv_1a() -> None:
    """Figures of the algorithm's authors, and of murmur2 where Kafka's own clients put the same keys."""
    assert partition_of("foobar", 2**31) == 2**32 - 0xBF9CF968
    assert partition_of("a", 2**31) == 2**32 - 0xE40C292C


def test_the_event_arrives_as_it_was_written(sidecar: Sidecar, broker: SidecarBroker) -> None:
    sent = event("1")
    assert broker.publish([sent], waiting=never) == 1
    [message] = [one for part in sidecar.topics["reminders"] for one in part]
    value = json.loads(message.value)
    assert {name: value[name] for name in to_wire(sent)} == to_wire(sent)
    assert set(value) - set(to_wire(sent)) == {"topic", "pubsubname", "traceid", "traceparent", "tracestate"}
    assert (message.key, message.headers) == (USERS[0], {"partitionKey": USERS[0]})


def test_the_relay_takes_a_row_only_after_the_sidecar_has_it(sidecar: Sidecar) -> None:
    written("1", "2", "3")
    sidecar.refuse = {"reminders": 1}
    relay, failed = Relay(broker_of_settings()), NOT_TAKEN._value.get()
    assert relay.guarded_step() == RECONNECT_SECONDS
    assert NOT_TAKEN._value.get() == failed + 1
    assert list(OutboxEvent.objects.order_by("id").values_list("subject", flat=True)) == ["1", "2", "3"]
    while OutboxEvent.objects.exists():
        relay.guarded_step()
    assert subjects_on(sidecar, USERS[0]) == ["1", "2", "3"]


@pytest.mark.parametrize(
    "wrong",
    [{"DAPR_HTTP_PORT": 1}, {"DAPR_API_TOKEN": "another"}, {"DAPR_PUBSUB": "unknown"}],
    ids=lambda wrong: next(iter(wrong)),
)
def test_without_the_sidecar_the_rows_stay(
    sidecar: Sidecar, settings: Settings, caplog: pytest.LogCaptureFixture, wrong: dict[str, Any]
) -> None:
    for name, value in wrong.items():
        setattr(settings, name, value)
    written("1", "2")
    relay = Relay(broker_of_settings())
    for _ in range(2):
        assert relay.guarded_step() == RECONNECT_SECONDS
    assert OutboxEvent.objects.count() == 2
    assert "broker_refuses" in caplog.text
    assert settings.DAPR_API_TOKEN not in caplog.text


def test_what_fails_in_the_middle_stops_its_key_and_the_rest_comes_again(
    sidecar: Sidecar, broker: SidecarBroker
) -> None:
    sidecar.topics.pop("tag-events")
    label = event("2")
    missing = Event(**(vars(label) | {"topic": "tag-events"}))
    events = [event("1"), missing, event("3")]
    assert broker.publish(events, waiting=never) == 1
    assert subjects_on(sidecar, USERS[0]) == ["1"]
    with pytest.raises(PublishError, match="answered 500"):
        broker.publish(events[1:], waiting=never)
    with pytest.raises(PublishError):  # alone: what is behind it is not sent with each attempt
        broker.publish([missing, event("4", USERS[1])], waiting=never)
    assert not any(one.key == USERS[1] for part in sidecar.topics["reminders"] for one in part)


def test_the_relay_uses_its_session_while_it_waits(
    sidecar: Sidecar, broker: SidecarBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would lose its lock otherwise. What makes it give up ends the batch."""
    monkeypatch.setattr(sidecar_module, "TURN_SECONDS", 0.0)
    turns: list[int] = []
    assert broker.publish([event(str(number)) for number in range(20)], waiting=lambda: turns.append(1)) == 20
    assert turns

    def give_up() -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        broker.publish([event(str(number), USERS[1]) for number in range(200)], waiting=give_up)
    sent = [one.key for part in sidecar.topics["reminders"] for one in part].count(USERS[1])
    assert sent < 200


def test_a_deleted_tag_has_its_event_but_no_tombstone(sidecar: Sidecar, alice: User) -> None:
    """A sidecar publishes no null value, so the compacted topic keeps the event of the deletion."""
    tag = Tag.objects.create(user=alice, name="home")
    OutboxEvent.objects.all().delete()
    data = {
        "event_type": "deleted",
        "id": tag.pk,
        "user_id": str(alice.pk),
        "name": "home",
        "color": "#000000",
    }
    write([NewEvent(type="tag.deleted", key="tag:7", subject="tag:7", sequence=2, data=data)])
    Relay(broker_of_settings()).guarded_step()
    assert [json.loads(one.value)["type"] for part in sidecar.topics["tag-events"] for one in part] == [
        "tag.deleted"
    ]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"DAPR": ["publish", "cron"]}, "DAPR has cron. It may have publish, subscribe, state."),
        ({"KAFKA_BOOTSTRAP_SERVERS": "kafka:9092"}, "Publish one way: "),
        ({"APP_API_TOKEN": ""}, "Set the token that the sidecar is to send."),
        ({"APP_API_TOKEN": "", "DAPR": ["state"]}, "DAPR is set and APP_API_TOKEN is not"),
    ],
)
def test_a_check_refuses(sidecar: Sidecar, settings: Settings, values: dict[str, Any], words: str) -> None:
    assert check_dapr(None) == check_calls(None) == []
    for name, value in values.items():
        setattr(settings, name, value)
    [message] = [*check_dapr(None), *check_calls(None)]
    assert words in message.msg
    assert message.is_serious()


def test_reading_by_a_sidecar_what_our_producer_writes_is_allowed(
    sidecar: Sidecar, settings: Settings
) -> None:
    settings.DAPR, settings.KAFKA_BOOTSTRAP_SERVERS = ["subscribe"], "kafka:9092"
    assert check_dapr(None) == []
