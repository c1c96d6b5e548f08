"""What can be done next with what was made, as links of the OpenAPI document (3.1, "Link Object")."""

from typing import Any


def add_links(result: dict[str, Any], **_options: Any) -> dict[str, Any]:
    """A hook of the generator: each 201 that answers an `id` links to every operation below its path."""
    for path, methods in result["paths"].items():
        made = methods.get("post", {}).get("responses", {}).get("201")
        below = [way for way in result["paths"] if way.startswith(f"{path}/{{")]
        if made and below:
            made["links"] = {
                operation["operationId"]: _link(operation)
                for way in below
                for operation in result["paths"][way].values()
            }
    return result


def _link(operation: dict[str, Any]) -> dict[str, Any]:
    (name,) = (each["name"] for each in operation["parameters"] if each["in"] == "path")
    return {"operationId": operation["operationId"], "parameters": {name: "$response.body#/id"}}
