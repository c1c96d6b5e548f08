"""The OpenAPI document is fit for generators of clients and for readers."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from tests.contract.document import DOCUMENT, OPERATIONS


def texts(thing: Any) -> Iterator[str]:
    """Every description and summary in it."""
    if isinstance(thing, dict):
        named = [thing.get("description"), thing.get("summary")]
        yield from (text for text in named if isinstance(text, str))
        thing = list(thing.values())
    if isinstance(thing, list):
        for part in thing:
            yield from texts(part)


@pytest.mark.parametrize("mark", ["*/", "/*", '"""'])
def test_no_text_ends_a_comment_of_generated_code(mark: str) -> None:
    assert [text for text in texts(DOCUMENT) if mark in text] == []


def test_the_ids_of_paths_are_integers_or_uuids_as_those_of_bodies() -> None:
    schemas = [each["schema"] for operation in OPERATIONS for each in operation.parameters("path").values()]
    assert len(schemas) > 20
    assert {(schema["type"], schema.get("format")) for schema in schemas} == {
        ("integer", None),
        ("string", "uuid"),
    }


def test_no_parameter_has_a_default_that_is_not_always_true() -> None:
    """A generated client sends the default, and a search would not be in the order of its rank."""
    (listing,) = [each for each in OPERATIONS if str(each) == "GET /api/tasks"]
    ordering = listing.parameters("query")["ordering"]
    assert "default" not in ordering["schema"]
    assert "`-created_at`; with `q` it is `-rank`" in ordering["description"]


@pytest.mark.parametrize("name", ["summary", "description"])
def test_each_operation_has_words_of_its_own(name: str) -> None:
    words = Counter(operation.spec.get(name, "") for operation in OPERATIONS)
    assert {text: count for text, count in words.items() if count > 1 or not text} == {}


def test_each_operation_says_who_may_call_it() -> None:
    public = {str(each) for each in OPERATIONS if each.spec["security"] == []}
    assert {"POST /api/auth/token", "POST /api/auth/register"} <= public
    assert {} not in [scheme for each in OPERATIONS for scheme in each.spec["security"]]


def test_tags_are_described() -> None:
    described = {tag["name"] for tag in DOCUMENT["tags"] if tag["description"]}
    assert {tag for operation in OPERATIONS for tag in operation.spec["tags"]} <= described, (
        "describe the tag in todo_project/openapi_info.py"
    )


def test_errors_are_described_once() -> None:
    errors = [
        answer
        for operation in OPERATIONS
        for code, answer in operation.spec["responses"].items()
        if code >= "400"
    ]
    assert all(set(answer) == {"$ref"} for answer in errors)


def test_choices_have_names_that_a_person_gave() -> None:
    enums = [name for name, schema in DOCUMENT["components"]["schemas"].items() if "enum" in schema]
    assert enums
    assert [name for name in enums if name.endswith("Enum")] == [], "name it in todo_project/openapi_info.py"


def test_limits_are_in_the_document() -> None:
    assert all(limit in DOCUMENT["info"]["description"] for limit in ("2 MiB", "200", "1,000", "RateLimit"))
    (listing,) = [each for each in OPERATIONS if str(each) == "GET /api/tasks"]
    (writing,) = [each for each in OPERATIONS if str(each) == "POST /api/tasks"]
    assert listing.parameters("query")["page_size"]["schema"]["maximum"] == 200
    fields = dict(writing.fields())
    assert (fields["title"]["maxLength"], fields["tags"]["maxItems"]) == (200, 50)
    limited = writing.spec["responses"]["201"]["headers"]
    assert {"RateLimit", "RateLimit-Policy"} <= set(limited)
