from typing import Any

from drf_spectacular.generators import SchemaGenerator
from rest_framework.request import Request

from http_app.built_once import built_once
from todo_project.openapi_examples import BESIDE_RESULTS, EXAMPLES


class KeptSchemaGenerator(SchemaGenerator):
    """Generates the document once per process: it takes a second, and only a release changes it."""

    def get_schema(self, request: Request | None = None, public: bool = False) -> dict[str, Any]:
        return _document()


@built_once
def _document() -> dict[str, Any]:
    generator: Any = SchemaGenerator
    document: dict[str, Any] = generator().get_schema(request=None, public=True)
    return document


def add_examples(result: dict[str, Any], **_options: Any) -> dict[str, Any]:
    """A postprocessing hook: each body gets the example of its schema, unless its view has one.

    The examples are components. Those of pages and of partial updates are derived from the others.
    """
    used: dict[str, Any] = {}
    for body in _bodies(result):
        name = body["schema"].get("$ref", "").rsplit("/", 1)[-1]
        value = _example(name)
        if value is not None and not {"example", "examples"} & set(body):
            used[name] = {"value": value}
            body["examples"] = {name: {"$ref": f"#/components/examples/{name}"}}
    result["components"]["examples"] = dict(sorted(used.items()))
    return result


def _bodies(result: dict[str, Any]) -> list[dict[str, Any]]:
    operations = [operation for methods in result["paths"].values() for operation in methods.values()]
    messages = [operation["requestBody"] for operation in operations if "requestBody" in operation]
    messages += [answer for operation in operations for answer in operation["responses"].values()]
    return [body for message in messages for body in message.get("content", {}).values()]


def _example(name: str) -> Any:
    if name in EXAMPLES:
        return EXAMPLES[name]
    if name.startswith("Patched"):
        return _example(name.removeprefix("Patched"))
    row = (
        _example(name.removeprefix("Paginated").removesuffix("List"))
        if name.startswith("Paginated")
        else None
    )
    return row and {"results": [row], "next": None, "previous": None} | BESIDE_RESULTS.get(name, {})
