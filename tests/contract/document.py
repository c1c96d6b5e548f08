"""The checked-in OpenAPI document, as the tests of the contract read it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import yaml
from jsonschema import Draft202012Validator, FormatChecker

FILE = Path(__file__).resolve().parents[2] / "docs" / "openapi.yaml"
DOCUMENT: dict[str, Any] = yaml.load(FILE.read_text(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
NOBODYS_ID = 999_999_999


@dataclass(frozen=True)
class Operation:
    method: str
    path: str
    spec: dict[str, Any] = field(compare=False, repr=False)

    def __str__(self) -> str:
        return f"{self.method.upper()} {self.path}"

    @property
    def reads(self) -> bool:
        return self.method == "get"

    @property
    def is_open(self) -> bool:
        """Whether it needs no authentication."""
        return not self.spec["security"]

    def url(self, *ids: object) -> str:
        """The path with these ids, the last one for all that are left."""
        left = list(ids) or [NOBODYS_ID]
        if any(each["schema"].get("format") == "uuid" for each in self.parameters("path").values()):
            left = [UUID(int=one) if isinstance(one, int) else one for one in left]
        return re.sub(r"\{\w+\}", lambda _: str(left.pop(0) if len(left) > 1 else left[0]), self.path)

    def parameters(self, where: str) -> dict[str, Any]:
        return {each["name"]: each for each in self.spec.get("parameters", []) if each["in"] == where}

    @property
    def body(self) -> dict[str, Any] | None:
        """The media type object of the request's body."""
        content = resolved(self.spec.get("requestBody", {})).get("content", {})
        found: dict[str, Any] | None = content.get("application/json")
        return found

    def example(self) -> dict[str, Any]:
        """The first example of the request's body; {} where there is no body."""
        return next(iter(examples(self.body)), {}) if self.body else {}

    def fields(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Each field of the body with its schema, those of objects inside as `operations.data.title`."""
        if self.body:
            yield from _fields(self.body["schema"], "")


def resolved(thing: dict[str, Any]) -> dict[str, Any]:
    """What stands here, or what it refers to."""
    while "$ref" in thing:
        found: Any = DOCUMENT
        for step in thing["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        thing = found
    return thing


def examples(body: dict[str, Any]) -> list[Any]:
    """The values of a media type object's examples."""
    one = [body["example"]] if "example" in body else []
    return one + [resolved(each)["value"] for each in body.get("examples", {}).values()]


def broken_rules(schema: dict[str, Any], value: Any) -> list[str]:
    """What the schema says otherwise of this value."""
    validator = Draft202012Validator(
        schema | {"components": DOCUMENT["components"]}, format_checker=FormatChecker()
    )
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(value)]


def _fields(schema: dict[str, Any], before: str) -> Iterator[tuple[str, dict[str, Any]]]:
    schema = resolved(schema)
    for part in [*schema.get("allOf", []), *schema.get("oneOf", []), *schema.get("anyOf", [])]:
        yield from _fields(part, before)
    for name, inner in schema.get("properties", {}).items():
        yield before + name, inner
        inner = resolved(inner)
        yield from _fields(inner.get("items", inner), f"{before}{name}.")


OPERATIONS = sorted(
    (
        Operation(method, path, spec)
        for path, methods in DOCUMENT["paths"].items()
        for method, spec in methods.items()
    ),
    key=str,
)
