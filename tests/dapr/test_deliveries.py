"""What a sidecar delivers reaches the same handlers as from Kafka, and is parked or buried as there."""

import json
import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import InterfaceError, OperationalError
from django.test import override_settings
from django.utils import timezone
from pytest_django import Settings
from rest_framework.test import APIClient

from accounts_app.models import User
from events_app import groups
from events_app.catalogue import UnknownEventError
from events_app.dead_letters import event_of
from events_app.delivered import DeliveryStatus, deliver
from events_app.envelope import MAX_BYTES, Event, to_wire
from events_app.groups import NotNow
from events_app.models import DeadLetter, OutboxEvent, ParkedEvent
from events_app.parked import requeue, retry_parked
from events_app.relay import broker_of_settings, relay_batch
from state_store import keys
from state_store.client import store
from tasks_app.models import Task
from tests.dapr.sidecar import APP_ID, APP_TOKEN, Sidecar, envelope
from tests.events_app.conftest import no_handlers  # noqa: F401 - a fixture

pytestmark = pytest.mark.django_db

ALICE = str(uuid4())
SUCCESS, RETRY, DROP = ((200, f'{{"status": "{name}"}}') for name in ("SUCCESS", "RETRY", "DROP"))


class Group:
    """A group whose handler raises what `failures` has for a subject, and keeps what it has handled."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.failures: dict[str, Exception] = {}
        self.handled: list[Event] = []
        groups.handles("reminder.due", group=name)(self.handle)

    def handle(self, event: Event) -> None:
        if failure := self.failures.get(event.subject):
            raise failure
        self.handled.append(event)

    @property
    def subjects(self) -> list[str]:
        return [event.subject for event in self.handled]


@pytest.fixture
def group(no_handlers: None) -> Group:  # noqa: F811
    return Group("one")


@pytest.fixture
def other(no_handlers: None) -> Group:  # noqa: F811
    return Group("other")


def event(subject: str, user_id: str = ALICE, **changes: Any) -> Event:
    data = {
        "task_id": 1, "user_id": user_id, "title": "Ring \N{BELL}",
        "reminder_at": "2030-01-01T00:00:00Z", "due_at": None,
    }  # fmt: skip
    return Event(
        id=uuid4(), topic="reminders", type="reminder.due", key=user_id, subject=subject, sequence=1,
        time=timezone.now(), data=data | changes, request_id="r-1", actor="user", user_id=UUID(user_id),
    )  # fmt: skip


def wire(one: Event) -> bytes:
    return json.dumps(to_wire(one)).encode()


def put(sidecar: Sidecar, *values: bytes, key: str = ALICE) -> None:
    for value in values:
        sidecar.put("reminders", value, key=key)


def test_it_is_subscribed_to_what_some_group_reads_with_a_dead_letter_topic(sidecar: Sidecar) -> None:
    status, body = sidecar.call("GET", "/dapr/subscribe", **{"dapr-app-id": APP_ID})
    assert status == 200
    assert json.loads(body) == [
        {
            "pubsubname": "kafka-pubsub",
            "topic": topic,
            "routes": {"default": f"/dapr/events/{topic}"},
            "deadLetterTopic": f"{topic}.dlq",
        }
        for topic in ("reminders", "task-events", "task-updates")
    ]
    assert b"rawPayload" not in body


def test_it_subscribes_to_nothing_unless_dapr_is_for_that(sidecar: Sidecar, settings: Settings) -> None:
    settings.DAPR = ["publish"]
    assert sidecar.call("GET", "/dapr/subscribe") == (200, b"[]")


def test_a_topic_that_is_missing_stops_all_subscriptions(sidecar: Sidecar, group: Group) -> None:
    del sidecar.topics["reminders"]
    sidecar.start()
    assert sidecar.subscriptions == {}


@pytest.mark.parametrize(
    "message",
    [
        wire,
        lambda one: json.dumps(
            to_wire(one) | {"topic": "reminders", "pubsubname": "kafka-pubsub", "traceid": ""}
        ).encode(),
        lambda one: json.dumps(envelope(wire(one), "application/json")).encode(),
        lambda one: json.dumps(envelope(wire(one), "text/plain; charset=utf-8")).encode(),
        lambda one: json.dumps(envelope(wire(one), "application/octet-stream")).encode(),
    ],
    ids=[
        "structured",
        "with the sidecar's attributes",
        "wrapped as JSON",
        "wrapped as text",
        "wrapped as bytes",
    ],
)
def test_an_event_arrives_whole_however_it_is_wrapped(
    sidecar: Sidecar, group: Group, other: Group, message: Callable[[Event], bytes]
) -> None:
    sent = event("1")
    put(sidecar, message(sent))
    sidecar.start()
    sidecar.deliver()
    assert sidecar.answers == [SUCCESS]
    assert group.handled == other.handled == [sent]
    sidecar.deliver()
    assert len(sidecar.answers) == 1


def test_a_failing_handler_parks_its_event_and_nothing_is_delivered_again(
    sidecar: Sidecar, group: Group, other: Group, clock: Any
) -> None:
    group.failures = {"1": ZeroDivisionError("1")}
    put(sidecar, wire(event("1")), wire(event("2")))
    sidecar.put("reminders", wire(event("3", user_id=str(uuid4()))), key="another")
    sidecar.start()
    sidecar.deliver()
    assert sidecar.answers == [SUCCESS] * 3
    assert (group.subjects, other.subjects) == (["3"], ["1", "2", "3"])
    parked = ParkedEvent.objects.order_by("id").values_list("group", "subject", "key", "attempts")
    assert list(parked) == [("one", "1", ALICE, 1), ("one", "2", ALICE, 0)]
    group.failures = {}
    clock.shift(60)
    assert retry_parked() == 2
    assert group.subjects == ["3", "1", "2"]


def test_what_a_handler_cannot_do_now_waits_too(sidecar: Sidecar, group: Group) -> None:
    group.failures = {"1": NotNow("the store is away")}
    put(sidecar, wire(event("1")))
    sidecar.start()
    sidecar.deliver()
    assert sidecar.answers == [SUCCESS]
    assert ParkedEvent.objects.get().attempts == 0


@pytest.mark.django_db(transaction=True)
def test_without_the_database_the_sidecar_tries_again_and_nothing_overtakes(
    sidecar: Sidecar, group: Group, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(sidecar, wire(event("1")), wire(event("2")))
    sidecar.start()
    away = iter([OperationalError("the connection is lost"), InterfaceError("the connection is closed")])

    def deliver_or_fail(topic: str, body: bytes) -> DeliveryStatus:
        if error := next(away, None):
            raise error
        return deliver(topic, body)

    monkeypatch.setattr("todo_project.dapr.deliver", deliver_or_fail)
    sidecar.deliver()
    assert sidecar.answers == [RETRY, RETRY, SUCCESS, SUCCESS]
    assert group.subjects == ["1", "2"]
    assert not sidecar.topics["reminders.dlq"][0]


NO_EVENTS = {
    "bare": b'{"event_type": "created", "task_id": 1}',
    "of another app": json.dumps(envelope(b'{"task_id": 1}', "application/json")).encode(),
    "of another app, as text": json.dumps(envelope(b"Ring!", "text/plain")).encode(),
    "unknown type": json.dumps(to_wire(event("1")) | {"type": "reminder.gone"}).encode(),
    "of another topic": json.dumps(to_wire(event("1")) | {"type": "task.created"}).encode(),
    "field too many": wire(event("1", more=1)),
    "no data": json.dumps(to_wire(event("1")) | {"data": None}).encode(),
    "too large": wire(event("1", title="x" * MAX_BYTES)),
    "nested": b'{"type": "com.dapr.event.sent", "data": ' + b"[" * 900 + b"]" * 900 + b"}",
    "wrapped badly": b'{"type": "com.dapr.event.sent", "data_base64": "%%%"}',
    "half a pair": b'{"type": "com.dapr.event.sent", "data": "\\ud800"}',
}


@pytest.mark.parametrize("value", NO_EVENTS.values(), ids=NO_EVENTS)
def test_what_is_no_event_is_dropped_to_the_dead_letters_and_blocks_no_one(
    sidecar: Sidecar, group: Group, other: Group, value: bytes
) -> None:
    put(sidecar, value, wire(event("2")))
    sidecar.start()
    sidecar.deliver()
    assert sidecar.answers == [DROP, SUCCESS]
    assert group.subjects == other.subjects == ["2"]
    assert [message.value for message in sidecar.topics["reminders.dlq"][0]] == [value]
    letters = DeadLetter.objects.order_by("group")
    assert [(one.group, one.topic, one.partition) for one in letters] == [
        ("one", "reminders", None),
        ("other", "reminders", None),
    ]
    # The sidecar puts it on the dead-letter topic, so the relay need not.
    assert all(one.published_at and one.error for one in letters)
    with pytest.raises(UnknownEventError):
        event_of(letters[0])
    sidecar.deliver_again()
    assert DeadLetter.objects.count() == 2


def test_what_no_row_can_hold_is_dropped_too(sidecar: Sidecar, group: Group) -> None:
    group.failures = {"1": ZeroDivisionError("1")}
    put(sidecar, wire(event("1", title="\0")), wire(event("2")))
    sidecar.start()
    sidecar.deliver()
    assert sidecar.answers == [DROP, SUCCESS]
    assert DeadLetter.objects.get().group == "one"


def test_a_dead_letter_goes_back_to_its_key_once_the_catalogue_knows_it(
    sidecar: Sidecar, group: Group, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = event("1")
    with monkeypatch.context() as patch:
        patch.delitem(groups.CATALOGUE, "reminder.due")
        groups.registry["one"]["task.created"] = groups.registry["one"].pop("reminder.due")
        put(sidecar, json.dumps(envelope(wire(sent), "application/json")).encode())
        assert sidecar.call("POST", "/dapr/events/task-events", wire(sent)) == (200, DROP[1].encode())
    groups.registry["one"]["reminder.due"] = groups.registry["one"].pop("task.created")
    dead = DeadLetter.objects.get()
    DeadLetter.objects.update(topic="reminders")
    dead.refresh_from_db()
    assert requeue(dead).key == ALICE


def test_what_the_sidecar_drops_by_itself_never_comes(sidecar: Sidecar, group: Group) -> None:
    put(sidecar, b"not JSON", b"[1]", wire(event("1")))
    sidecar.start()
    sidecar.deliver()
    assert sidecar.answers == [SUCCESS]
    assert len(sidecar.topics["reminders.dlq"][0]) == 2


@pytest.mark.django_db(transaction=True)
def test_what_is_delivered_again_has_its_effect_once(
    sidecar: Sidecar, alice: User, client_of: Callable[[User], APIClient]
) -> None:
    """The real handlers: a completed recurring task has one successor, however often its event comes."""
    made = client_of(alice).post(
        "/api/tasks", {"title": "Water", "recurrence_rule": "daily", "due_at": "2030-01-01T09:00:00Z"}
    )
    client_of(alice).post(f"/api/tasks/{made.json()['id']}/complete")
    client_of(alice).patch(f"/api/tasks/{made.json()['id']}", {"title": "Water all"})
    broker = broker_of_settings()
    while relay_batch(broker):
        pass
    assert OutboxEvent.objects.count() == 0
    sidecar.start()
    sidecar.deliver()
    assert Task.objects.filter(generated_from=made.json()["id"]).count() == 1
    updates = store().xrange(keys.task_updates(str(alice.pk)))
    assert len(updates) == 3
    sidecar.deliver_again()
    # A version of a task that the live stream has passed is dropped.
    assert store().xrange(keys.task_updates(str(alice.pk))) == updates
    assert Task.objects.count() == 2
    assert set(sidecar.answers) == {SUCCESS}
    assert not ParkedEvent.objects.exists()
    assert not DeadLetter.objects.exists()


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/dapr/subscribe"),
        ("POST", "/dapr/events/reminders"),
        ("POST", "/reminder-cron"),
        ("OPTIONS", "/reminder-cron"),
    ],
)
def test_only_the_sidecar_is_answered(
    sidecar: Sidecar, settings: Settings, caplog: pytest.LogCaptureFixture, method: str, path: str
) -> None:
    caplog.set_level(logging.DEBUG)
    with override_settings(SECURE_SSL_REDIRECT=True):  # it calls by http, past the proxies
        assert sidecar.call(method, path, b"{}")[0] == 200
        for token in (None, "", "é", f"{APP_TOKEN}x", APP_TOKEN[:-1], APP_TOKEN.upper()):
            sidecar.app_token = token
            assert sidecar.call(method, path)[0] == 401
        settings.APP_API_TOKEN = ""
        for token in (None, "", APP_TOKEN):
            sidecar.app_token = token
            assert sidecar.call(method, path)[0] == 404
    assert APP_TOKEN[:-1] not in caplog.text


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/dapr/subscribe"),
        ("GET", "/dapr/events/reminders"),
        ("GET", "/reminder-cron"),
        ("PUT", "/reminder-cron"),
    ],
)
def test_each_route_has_its_methods(sidecar: Sidecar, method: str, path: str) -> None:
    assert sidecar.call(method, path)[0] == 405


def test_events_are_equal_to_those_of_the_wire(sidecar: Sidecar, group: Group) -> None:
    sent = event("1")
    put(sidecar, wire(replace(sent, request_id="", actor="")))
    sidecar.start()
    sidecar.deliver()
    assert group.handled == [replace(sent, request_id="", actor="")]
