"""What docs/asyncapi.yaml promises of each event, and what a change of it would break for its readers."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft7Validator, FormatChecker

DOCS = Path(__file__).resolve().parents[2] / "docs"
FILE = DOCS / "asyncapi.yaml"
PUBLISHED = DOCS / "events"

WHAT_TO_DO = (
    "this breaks readers of the events, or events that were written before: a new field needs a default in"
    " events_app/catalogue.py; keep an old field as it is, and add another field or type beside it"
    " (docs/events.md, 'Changing an event')"
)


@dataclass(frozen=True)
class Promise:
    """Where the events of one type are and what they look like."""

    topic: str
    message: dict[str, Any]
    document: dict[str, Any]

    def faults(self, *, key: str, headers: dict[str, str], payload: Any) -> list[str]:
        """What the document says otherwise of this message."""
        parts = [
            (self.message["bindings"]["kafka"]["key"], key),
            (self.message["headers"], headers),
            (self.message["payload"], payload),
        ]
        return [error.message for schema, value in parts for error in self._errors(schema, value)]

    def _errors(self, schema: dict[str, Any], value: Any) -> Iterator[Any]:
        whole = schema | {"components": self.document["components"]}
        return Draft7Validator(whole, format_checker=FormatChecker()).iter_errors(value)


def promises(document: dict[str, Any]) -> dict[str, Promise]:
    """Each type's promise; dead letters are whatever came, and a tombstone has no value."""
    found: dict[str, Promise] = {}
    for channel in document["channels"].values():
        for name in channel["messages"]:
            if name not in ("deadLetter", "deadMessage", "tombstone"):
                found[name] = Promise(channel["address"], document["components"]["messages"][name], document)
    return found


def load(path: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(path.read_text())
    return loaded


def breaks(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """What of the old document's promises the new one does not keep, each by its place."""
    kept, found = promises(new), []
    for name, promise in promises(old).items():
        if name not in kept:
            found.append(f"{name}: is not there any more")
            continue
        found += _breaks_of(name, promise, kept[name])
    return found


def _breaks_of(name: str, old: Promise, new: Promise) -> Iterator[str]:
    if old.topic != new.topic:
        yield f"{name}: moved from {old.topic} to {new.topic}"
    for part in ("bindings", "headers", "payload"):
        yield from _differences(f"{name}.{part}", old.message[part], new.message[part], old, new)


def _differences(place: str, old: Any, new: Any, before: Promise, after: Promise) -> Iterator[str]:
    """Optional fields may be added; everything else stays as it was."""
    old, new = _resolved(old, before.document), _resolved(new, after.document)
    if not (isinstance(old, dict) and isinstance(new, dict) and "properties" in old):
        if _rules(old) != _rules(new):
            yield f"{place}: was {json.dumps(_rules(old))}, is {json.dumps(_rules(new))}"
        return
    if set(old.get("required", [])) != set(new.get("required", [])):
        changed = set(old.get("required", [])) ^ set(new.get("required", []))
        yield f"{place}: required or not has changed for {', '.join(sorted(changed))}"
    for field, schema in old["properties"].items():
        if field not in new.get("properties", {}):
            yield f"{place}.{field}: is not there any more"
        else:
            yield from _differences(f"{place}.{field}", schema, new["properties"][field], before, after)


def _resolved(schema: Any, document: dict[str, Any]) -> Any:
    while isinstance(schema, dict) and "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[-1]]
    return schema


def _rules(schema: Any) -> Any:
    """Without the words for people."""
    if isinstance(schema, list):
        return [_rules(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    return {name: _rules(rule) for name, rule in schema.items() if name not in ("description", "title")}
