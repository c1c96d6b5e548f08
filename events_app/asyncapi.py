"""docs/asyncapi.yaml, generated from the catalogue: what another team needs to read our events.

Source: AsyncAPI 3.0.0; its Kafka bindings 0.5.0; CloudEvents 1.0.2, JSON event format. The published schemas
are open: readers must accept fields that they do not know, so that a new one breaks no reader.
"""

from copy import deepcopy
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from pydantic.json_schema import models_json_schema

from events_app.catalogue import (
    CATALOGUE,
    DEAD_LETTERS,
    TAG_EVENTS,
    TASK_EVENTS,
    TASK_UPDATES,
    EventKind,
    kind_of,
)
from events_app.envelope import MEDIA_TYPE, SEQUENCE_DIGITS, SOURCE, Event, to_wire
from events_app.groups import group_names, types_of
from events_app.release import VERSION

_BINDING = "0.5.0"
_ENVELOPE: dict[str, Any] = {
    "specversion": {"const": "1.0"},
    "id": {
        "type": "string",
        "format": "uuid",
        "description": "UUIDv7; drop an id you have seen.",
    },
    "source": {"const": SOURCE},
    "subject": {"type": "string", "pattern": "^[0-9]+$", "description": "The id of the task."},
    "time": {"type": "string", "format": "date-time"},
    "datacontenttype": {"const": "application/json"},
    "sequence": {
        "type": "string",
        "pattern": f"^[0-9]{{{SEQUENCE_DIGITS}}}$",
        "description": "The version of the task, as text that sorts. Drop what you have passed.",
    },
    "requestid": {
        "type": "string",
        "maxLength": 64,
        "description": "The request that made the change. Missing when none did.",
    },
    "actor": {
        "type": "string",
        "maxLength": 50,
        "description": "Who caused it: user, operator, system or assistant:<conversation id>."
        " Missing in events that were written before there was this attribute.",
    },
}
_KEY = {"type": "string", "format": "uuid", "description": "The user's id."}
_LABEL_KEY = {"type": "string", "pattern": "^(tag|priority):[0-9]+$", "description": "As the subject."}
_LABELS = {
    "subject": {"type": "string", "pattern": "^(tag|priority):[0-9]+$", "description": "Such as tag:7."},
    "sequence": _ENVELOPE["sequence"]
    | {"description": "The version of the tag or priority, as text that sorts. Drop what you have passed."},
}
_ORIGIN = {
    "id": "the same when the dead letter comes twice",
    "topic": "where it was read",
    "partition": "where on the topic",
    "offset": "where in the partition",
    "group": "the group that could not handle it",
    "error": "why",
    "attempts": "how often it was tried",
}


# The examples: alice waters the plants, daily.
_USER = "0197a5e2-8c11-7d20-9a3b-3f2a6f1f7c55"
_CREATED, _CHANGED = "2030-05-01T06:00:00Z", "2030-05-01T07:02:11Z"
_TASK: dict[str, Any] = {
    "id": 7,
    "user_id": _USER,
    "external_id": None,
    "title": "Water the plants",
    "description": None,
    "completed": False,
    "completed_at": None,
    "color": "green",
    "pinned": False,
    "archived": False,
    "deleted_at": None,
    "all_day": False,
    "due_date": None,
    "due_at": "2030-05-01T07:00:00Z",
    "reminder_at": None,
    "reminder_offsets": [30],
    "reminder_sent": True,
    "snoozed_until": None,
    "rings_in_quiet_hours": False,
    "is_recurring": True,
    "recurrence_rule": "daily",
    "recurrence_end": None,
    "recurrence_mode": "fixed",
    "timezone": "Europe/Berlin",
    "occurrence_at": "2030-05-01T07:00:00Z",
    "parent_task_id": None,
    "recurring_task_id": None,
    "priority_id": 2,
    "tag_ids": [3],
    "series_id": "0197a5e2-8c40-7bb1-8d0a-5b7f0f2f9d10",
    "anchor_local": "2030-05-01T09:00:00",
    "series_has_due": True,
    "series_all_day": False,
    "reminder_distance": None,
    "slot_state": "open",
    "version": 4,
    "created_at": _CREATED,
    "updated_at": _CHANGED,
}
_AFTER: dict[str, dict[str, Any]] = {
    "task.completed": {"completed": True, "completed_at": _CHANGED, "slot_state": "done"},
    "task.deleted": {"deleted_at": _CHANGED, "slot_state": "deleted"},
}


def document() -> dict[str, Any]:
    """The AsyncAPI document, in JSON values."""
    topics = sorted({kind.topic for kind in CATALOGUE.values()})
    channels = {topic: _channel(topic) for topic in topics}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Events of the to-do backend",
            "version": VERSION,
            "description": "Every change of a task, in the task's order. In words: docs/events.md.",
        },
        "defaultContentType": MEDIA_TYPE,
        "servers": _servers(),
        "channels": channels | {f"{topic}{DEAD_LETTERS}": _dead_channel(topic) for topic in topics},
        "operations": _operations(topics),
        "components": {
            "securitySchemes": {"scram": {"type": "scramSha256", "description": "Over TLS."}},
            "messages": {name: _message(name, kind) for name, kind in CATALOGUE.items()}
            | {"deadLetter": _dead_event(), "deadMessage": _dead_message(), "tombstone": _tombstone()},
            "schemas": _schemas(),
        },
    }


def _servers() -> dict[str, Any]:
    secure = {
        "host": "{bootstrap}",
        "protocol": "kafka-secure",
        "description": "KAFKA_BOOTSTRAP_SERVERS of the deployment.",
        "variables": {"bootstrap": {"default": "kafka.example.com:9093"}},
        "security": [{"$ref": "#/components/securitySchemes/scram"}],
    }
    local = {"host": "127.0.0.1:9092", "protocol": "kafka", "description": "What ./todo kafka runs."}
    return {"production": secure, "development": local}


def _channel(topic: str) -> dict[str, Any]:
    names = [name for name, kind in CATALOGUE.items() if kind.topic == topic]
    messages = {name: {"$ref": f"#/components/messages/{name}"} for name in names}
    if topic != TAG_EVENTS:
        return {"address": topic, "messages": messages}
    return {
        "address": topic,
        "description": "Compacted: the last event of each tag and priority. A tombstone follows a deletion.",
        "messages": messages | {"tombstone": {"$ref": "#/components/messages/tombstone"}},
        "bindings": {
            "kafka": {"topicConfiguration": {"cleanup.policy": ["compact"]}, "bindingVersion": _BINDING}
        },
    }


def _dead_channel(topic: str) -> dict[str, Any]:
    return {
        "address": f"{topic}{DEAD_LETTERS}",
        "description": f"What came on {topic} and could not be handled.",
        "messages": {
            name: {"$ref": f"#/components/messages/{name}"} for name in ("deadLetter", "deadMessage")
        },
    }


def _operations(topics: list[str]) -> dict[str, Any]:
    sent = {
        f"send.{topic}": {"action": "send", "channel": {"$ref": f"#/channels/{topic}"}} for topic in topics
    }
    groups = {
        f"receive.{topic}.{group}": _reading(topic, group)
        for group in sorted(group_names())
        for topic in sorted({CATALOGUE[name].topic for name in types_of(group)})
    }
    return sent | groups


def _reading(topic: str, group: str) -> dict[str, Any]:
    names = sorted(name for name in types_of(group) if CATALOGUE[name].topic == topic)
    return {
        "action": "receive",
        "channel": {"$ref": f"#/channels/{topic}"},
        "messages": [{"$ref": f"#/channels/{topic}/messages/{name}"} for name in names],
        "bindings": {"kafka": {"groupId": {"const": group}, "bindingVersion": _BINDING}},
    }


def _message(name: str, kind: EventKind) -> dict[str, Any]:
    is_label = kind.topic == TAG_EVENTS
    properties = {
        **_ENVELOPE,
        **(_LABELS if is_label else {}),
        "type": {"const": name},
        "data": _data(name, kind),
    }
    return {
        "name": name,
        "contentType": MEDIA_TYPE,
        "headers": {
            "type": "object",
            "properties": {"content-type": {"const": MEDIA_TYPE}},
            "required": ["content-type"],
        },
        "payload": {
            "type": "object",
            "properties": properties,
            "required": [field for field in properties if field not in ("requestid", "actor")],
        },
        "bindings": {"kafka": {"key": _LABEL_KEY if is_label else _KEY, "bindingVersion": _BINDING}},
        "examples": [{"name": name, "payload": _example_of(name)}],
    }


def _data(name: str, kind: EventKind) -> dict[str, Any]:
    """The schema of an event's data; on task-events it says which `event_type` this type has."""
    schema = _open(kind.schema.model_json_schema(ref_template="#/components/schemas/{model}"))
    schema.pop("$defs", None)
    if kind.topic in (TASK_EVENTS, TAG_EVENTS):
        schema["properties"]["event_type"] = {"type": "string", "const": name.split(".", 1)[1]}
    return schema


def _dead_event() -> dict[str, Any]:
    origin = _origin()
    origin["properties"]["content-type"] = {"const": MEDIA_TYPE}
    return {
        "name": "deadLetter",
        "summary": "An event that a group gave up on, as it came; the headers say from where, and why.",
        "contentType": MEDIA_TYPE,
        "headers": origin | {"required": ["content-type"]},
        "payload": {
            "type": "object",
            "properties": _ENVELOPE,
            "required": ["specversion", "id"],
        },
    }


def _dead_message() -> dict[str, Any]:
    return {
        "name": "deadMessage",
        "summary": "A message that is no event of the catalogue, with its own bytes, key and headers.",
        "description": "Any bytes; no value if they are too many for the topic. No content-type of ours.",
        "contentType": "application/octet-stream",
        "headers": _origin(),
        "payload": {},
    }


def _tombstone() -> dict[str, Any]:
    return {
        "name": "tombstone",
        "summary": "No value: forget the tag or the priority of this key.",
        "contentType": "application/octet-stream",
        "payload": {"type": "null"},
        "bindings": {"kafka": {"key": _LABEL_KEY, "bindingVersion": _BINDING}},
    }


def _origin() -> dict[str, Any]:
    """The headers that say where a dead letter comes from."""
    properties = {name: {"type": "string", "description": about} for name, about in _ORIGIN.items()}
    return {"type": "object", "properties": properties}


def _schemas() -> dict[str, Any]:
    """What the data of several types have in common: TaskData, TaskChanges."""
    kinds = {kind.schema for kind in CATALOGUE.values()}
    _, made = models_json_schema(
        [(schema, "validation") for schema in sorted(kinds, key=lambda one: one.__name__)],
        ref_template="#/components/schemas/{model}",
    )
    names = {schema.__name__ for schema in kinds}
    return {name: _open(schema) for name, schema in made["$defs"].items() if name not in names}


def _open(schema: dict[str, Any]) -> dict[str, Any]:
    """Without what concerns only us: the refusal of other fields, titles and defaults that repeat names."""
    schema = deepcopy(schema)
    schema.pop("additionalProperties", None)
    for part in [schema, *schema.get("properties", {}).values()]:
        part.pop("title", None)
        part.pop("default", None)
    return schema


def _example_of(event_type: str) -> dict[str, Any]:
    """An event of this type as it is on the wire."""
    return to_wire(
        Event(
            id=UUID("0197a5e4-11aa-7f03-b0c2-90d4f6a1e7b8"),
            topic=kind_of(event_type).topic,
            type=event_type,
            key=_subject_of(event_type) if kind_of(event_type).topic == TAG_EVENTS else _USER,
            subject=_subject_of(event_type),
            sequence=4,
            time=datetime(2030, 5, 1, 7, 2, 11, tzinfo=UTC),
            data=_example_data(event_type),
            request_id="5f0c8c1e7a3b4d0f",
            actor="user",
        )
    )


def _subject_of(event_type: str) -> str:
    kind = event_type.split(".", 1)[0]
    return {"tag": "tag:3", "priority": "priority:2"}.get(kind, "7")


def _example_data(event_type: str) -> dict[str, Any]:
    topic = kind_of(event_type).topic
    if topic == TAG_EVENTS:
        kind, event = event_type.split(".", 1)
        label: dict[str, Any] = {"id": 3, "user_id": _USER, "name": "home", "color": "#3366FF"}
        if kind == "priority":
            label = {"id": 2, "name": "Medium", "level": 2, "color": "#3B82F6"}
        return {"event_type": event, **label}
    common = {"task_id": 7, "user_id": _USER}
    if topic == TASK_UPDATES:
        changes = {"completed": True, "completed_at": _CHANGED, "updated_at": _CHANGED, "version": 4}
        return {**common, "event_type": "sync", "changes": changes, "timestamp": _CHANGED}
    if topic != TASK_EVENTS:
        due = {"reminder_at": "2030-05-01T06:30:00Z", "due_at": "2030-05-01T07:00:00Z"}
        return {**common, "title": "Water the plants", **due}
    return {
        **common,
        "event_type": event_type.removeprefix("task."),
        "task_data": _TASK | _AFTER.get(event_type, {}),
        "timestamp": _CHANGED,
        "is_recurring": True,
        "recurrence_rule": "daily",
    }
