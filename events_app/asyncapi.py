"""docs/asyncapi.yaml, made of the catalogue: what another team needs to read our events.

Source: AsyncAPI 3.0.0; its Kafka bindings 0.5.0; CloudEvents 1.0.2, JSON event format. What is published is
open: a reader must let fields pass that it does not know, so that adding one breaks nobody.
"""

from copy import deepcopy
from typing import Any

from pydantic.json_schema import models_json_schema

from events_app.asyncapi_examples import example_of
from events_app.catalogue import CATALOGUE, DEAD_LETTERS, TASK_EVENTS, EventKind
from events_app.envelope import MEDIA_TYPE, SEQUENCE_DIGITS, SOURCE
from events_app.groups import group_names, types_of

VERSION = "1.0.0"
_BINDING = "0.5.0"
_ENVELOPE = {
    "specversion": {"const": "1.0"},
    "id": {"type": "string", "format": "uuid", "description": "UUIDv7; drop what comes again by it."},
    "source": {"const": SOURCE},
    "subject": {"type": "string", "pattern": "^[0-9]+$", "description": "The id of the task."},
    "time": {"type": "string", "format": "date-time"},
    "datacontenttype": {"const": "application/json"},
    "sequence": {
        "type": "string",
        "pattern": f"^[0-9]{{{SEQUENCE_DIGITS}}}$",
        "description": "The version of the task, as text that compares. Drop what you have passed.",
    },
    "requestid": {
        "type": "string",
        "maxLength": 64,
        "description": "The request that made the change. Not there when none did.",
    },
}
_KEY = {"type": "string", "format": "uuid", "description": "The user's id."}
_WHENCE = {
    "id": "the same when the dead letter comes twice",
    "topic": "where it was read",
    "partition": "where on the topic",
    "offset": "where in the partition",
    "group": "the group that could not handle it",
    "error": "why",
    "attempts": "how often it was tried",
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
            | {"deadLetter": _dead_letter()},
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
    return {
        "address": topic,
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in names},
    }


def _dead_channel(topic: str) -> dict[str, Any]:
    return {
        "address": f"{topic}{DEAD_LETTERS}",
        "description": f"What came on {topic} and could not be handled.",
        "messages": {"deadLetter": {"$ref": "#/components/messages/deadLetter"}},
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
    properties = {**_ENVELOPE, "type": {"const": name}, "data": _data(name, kind)}
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
            "required": [field for field in properties if field != "requestid"],
        },
        "bindings": {"kafka": {"key": _KEY, "bindingVersion": _BINDING}},
        "examples": [{"name": name, "payload": example_of(name)}],
    }


def _data(name: str, kind: EventKind) -> dict[str, Any]:
    """The schema of an event's data; on task-events it says which `event_type` this type has."""
    schema = _open(kind.schema.model_json_schema(ref_template="#/components/schemas/{model}"))
    schema.pop("$defs", None)
    if kind.topic == TASK_EVENTS:
        schema["properties"]["event_type"] = {"type": "string", "const": name.removeprefix("task.")}
    return schema


def _dead_letter() -> dict[str, Any]:
    return {
        "name": "deadLetter",
        "summary": "Key, value (none when too large), headers as they came; headers that say whence and why.",
        "headers": {
            "type": "object",
            "properties": {name: {"type": "string", "description": about} for name, about in _WHENCE.items()},
        },
        "payload": {},
    }


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
    """Without what is only ours: the refusal of other fields, titles and defaults that repeat the names."""
    schema = deepcopy(schema)
    schema.pop("additionalProperties", None)
    for part in [schema, *schema.get("properties", {}).values()]:
        part.pop("title", None)
        part.pop("default", None)
    return schema
