"""The catalogue, docs/asyncapi.yaml and the bytes on the wire say the same, and what was published stays."""

import gzip
import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from confluent_kafka import Consumer, Message
from jsonschema import Draft7Validator
from pytest_django import Settings

from accounts_app.models import User
from events_app.asyncapi import document
from events_app.catalogue import CATALOGUE, TaskData
from events_app.kafka import KafkaBroker
from events_app.models import OutboxEvent
from events_app.relay import relay_batch
from events_app.release import VERSION
from notifications_app.due_soon import announce_due_soon
from notifications_app.scan import scan_reminders
from tasks_app.models import Priority, Tag
from tasks_app.services import complete_task, create_task, trash_task, update_task
from tests.contract.event_contract import FILE, PUBLISHED, WHAT_TO_DO, breaks, load, promises
from tests.events_app.kafka_servers import mock_cluster

NOW = datetime(2030, 5, 1, 6, tzinfo=UTC)
META_SCHEMA = Path(__file__).with_name("asyncapi-3.0.0.json.gz")  # npm: @asyncapi/specs 6.11.1, Apache-2.0


def test_the_checked_in_document_is_this_one() -> None:
    assert load(FILE) == document(), (
        "the events and docs/asyncapi.yaml differ: run `./todo manage asyncapi --file docs/asyncapi.yaml`,"
        " and look at the difference"
    )


def test_it_is_asyncapi_3() -> None:
    schema = json.loads(gzip.decompress(META_SCHEMA.read_bytes()))
    assert list(Draft7Validator(schema).iter_errors(load(FILE))) == []
    broken = load(FILE)
    broken["channels"]["reminders"]["adress"] = "reminders"
    assert list(Draft7Validator(schema).iter_errors(broken))


def test_its_examples_are_what_it_says() -> None:
    for promise in promises(load(FILE)).values():
        (example,) = promise.message["examples"]
        headers = {"content-type": promise.message["contentType"]}
        subject = example["payload"]["subject"]
        key = subject if promise.topic == "tag-events" else str(uuid4())
        assert promise.faults(key=key, headers=headers, payload=example["payload"]) == []


def test_the_example_of_a_task_has_every_field() -> None:
    of_tasks = [name for name, kind in CATALOGUE.items() if kind.topic == "task-events"]
    assert of_tasks
    for name in of_tasks:
        (example,) = promises(load(FILE))[name].message["examples"]
        assert example["payload"]["data"]["task_data"].keys() == TaskData.model_fields.keys()


@pytest.fixture
def servers(settings: Settings) -> Iterator[str]:
    with mock_cluster() as servers:
        settings.KAFKA_BOOTSTRAP_SERVERS = servers
        yield servers


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_every_event_is_on_the_wire_as_it_says(servers: str, alice: User) -> None:
    with time_machine.travel(NOW, tick=False):
        make_one_of_each(alice)
    written = OutboxEvent.objects.count()
    assert relay_batch(KafkaBroker()) == written
    promised, seen = promises(load(FILE)), set()
    tombstones = []
    for message in read(servers, sorted({kind.topic for kind in CATALOGUE.values()}), written + 2):
        if message.value() is None:
            tombstones.append(((message.key() or b"").decode().split(":")[0], message.topic()))
            continue
        payload = json.loads(message.value() or b"")
        promise = promised[payload["type"]]
        headers = {name: value.decode() for name, value in message.headers() or []}
        assert promise.topic == message.topic()
        assert promise.faults(key=(message.key() or b"").decode(), headers=headers, payload=payload) == []
        assert payload.keys() | payload["data"].keys() <= (
            promise.message["payload"]["properties"].keys()
            | promise.message["payload"]["properties"]["data"]["properties"].keys()
        )
        seen.add(payload["type"])
    assert seen == set(CATALOGUE)
    assert sorted(tombstones) == [("priority", "tag-events"), ("tag", "tag-events")]


def make_one_of_each(alice: User) -> None:
    """By the ways the system itself has of making them."""
    task = create_task(alice, title="water", due_at=NOW + timedelta(hours=2), recurrence_rule="daily")
    update_task(task, title="water all", tags=[Tag.objects.create(user=alice, name="home")])
    complete_task(task)
    trash_task(task)
    tag, priority = (
        Tag.objects.create(user=alice, name="garden"),
        Priority.objects.create(name="Top", level=5, color="#ff0000"),
    )
    for label in (tag, priority):
        label.color = "#000000"
        label.save()
        label.delete()
    create_task(alice, title="ring", due_at=NOW + timedelta(hours=2), reminder_at=NOW + timedelta(minutes=5))
    with time_machine.travel(NOW + timedelta(minutes=10), tick=False):
        assert scan_reminders() == 1
        assert announce_due_soon() == 1


def read(servers: str, topics: list[str], count: int) -> list[Message]:
    client = Consumer(
        {
            "bootstrap.servers": servers,
            "group.id": str(uuid4()),
            "auto.offset.reset": "earliest",
            "fetch.wait.max.ms": 50,
        }
    )
    client.subscribe(topics)
    found: list[Message] = []
    deadline = monotonic() + 180
    while len(found) < count:
        assert monotonic() < deadline
        found += [message for message in client.consume(100, timeout=0.2) if message.error() is None]
    client.close()
    return found


class TestPublished:
    def test_nothing_that_was_published_is_broken(self) -> None:
        versions = sorted(PUBLISHED.glob("*.yaml"))
        assert f"{VERSION}.yaml" in {path.name for path in versions}
        for path in versions:
            found = breaks(load(path), load(FILE))
            assert found == [], f"against {path.name}, {WHAT_TO_DO}"

    @pytest.mark.parametrize("change", ["field", "type", "description", "example"])
    def test_what_may_be_added(self, change: str) -> None:
        new = load(FILE)
        messages, schemas = new["components"]["messages"], new["components"]["schemas"]
        if change == "field":
            task(schemas)["new_field"] = {"type": "integer"}
        if change == "type":
            messages["task.archived"] = deepcopy(messages["task.updated"])
            new["channels"]["task-events"]["messages"]["task.archived"] = {}
        if change == "description":
            task(schemas)["title"]["description"] = "What is to be done."
        if change == "example":
            messages["task.created"]["examples"] = []
        assert breaks(load(FILE), new) == []

    @pytest.mark.parametrize(
        ("said", "change"),
        [
            ("task.sync: is not there", lambda m, s, c: c["task-updates"]["messages"].pop("task.sync")),
            ("moved from reminders to x", lambda m, s, c: c["reminders"].update(address="x")),
            (".bindings", lambda m, s, c: m["reminder.due"]["bindings"]["kafka"]["key"].pop("format")),
            (".headers", lambda m, s, c: m["reminder.due"]["headers"].update(required=[])),
            ("payload.sequence: is not", lambda m, s, c: fields(m, "task.sync").pop("sequence")),
            ("payload.subject: was", lambda m, s, c: fields(m, "task.sync")["subject"].pop("pattern")),
            ("task_data.color: is not", lambda m, s, c: task(s).pop("color")),
            ("task_data.version: was", lambda m, s, c: task(s)["version"].update(type="string")),
            ("recurrence_mode: was", lambda m, s, c: task(s)["recurrence_mode"]["enum"].pop()),
            ("changed for color", lambda m, s, c: s["TaskData"]["required"].remove("color")),
            ("changed for pinned", lambda m, s, c: s["TaskChanges"].update(required=["pinned"])),
            ("tag_ids: was", lambda m, s, c: task(s)["tag_ids"]["items"].update(type="string")),
        ],
    )  # fmt: skip
    def test_what_breaks(self, said: str, change: Callable[[Any, Any, Any], object]) -> None:
        new = load(FILE)
        change(new["components"]["messages"], new["components"]["schemas"], new["channels"])
        assert any(said in found for found in breaks(load(FILE), new)), breaks(load(FILE), new)


def fields(messages: dict[str, Any], name: str) -> dict[str, Any]:
    properties: dict[str, Any] = messages[name]["payload"]["properties"]
    return properties


def task(schemas: dict[str, Any]) -> dict[str, Any]:
    properties: dict[str, Any] = schemas["TaskData"]["properties"]
    return properties
