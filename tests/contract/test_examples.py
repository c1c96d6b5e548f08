"""Every body in the document has an example, and each is what its schema says."""

from typing import Any

import pytest

from tests.contract.document import DOCUMENT, OPERATIONS, Operation, broken_rules, examples, resolved

WHERE = "give the view an OpenApiExample, or the schema an entry in todo_project/openapi_examples.py"


def bodies(operation: Operation) -> dict[str, dict[str, Any]]:
    """The media type objects of an operation: the request's, and each answer's."""
    messages = {"request": operation.spec.get("requestBody", {}), **operation.spec["responses"]}
    return {
        f"{name} {kind}": body
        for name, message in messages.items()
        for kind, body in resolved(message).get("content", {}).items()
    }


@pytest.mark.parametrize("operation", OPERATIONS, ids=str)
def test_every_body_has_one(operation: Operation) -> None:
    without = [name for name, body in bodies(operation).items() if not examples(body)]
    assert without == [], WHERE


@pytest.mark.parametrize("operation", OPERATIONS, ids=str)
def test_each_is_what_its_schema_says(operation: Operation) -> None:
    broken = {
        name: problems
        for name, body in bodies(operation).items()
        for value in examples(body)
        if (problems := broken_rules(body["schema"], value))
    }
    assert broken == {}


@pytest.mark.parametrize("operation", OPERATIONS, ids=str)
def test_an_answer_shows_every_field(operation: Operation) -> None:
    """An example that leaves out what is always there would be a lie."""
    for name, body in bodies(operation).items():
        schema = resolved(body["schema"])
        if not name.startswith("request") and schema.get("type") == "object":
            for value in examples(body):
                assert set(value) == set(schema["properties"]), name


def test_no_example_is_for_nothing() -> None:
    from todo_project.openapi_examples import EXAMPLES

    unused = set(EXAMPLES) - set(DOCUMENT["components"]["schemas"])
    assert unused == set(), "todo_project/openapi_examples.py has examples of schemas that are no more"
