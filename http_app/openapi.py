"""What the OpenAPI document says about every operation, in addition to its serializers and filters.

The request and response headers, and the errors that each operation can answer with: 401 where
authentication is required, 404 where the path has an id, 415 where it writes. Errors and headers are
components, described once (`add_components`).
"""

import re
from json import dumps
from typing import Any

from django.db.models import Model
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import get_doc
from drf_spectacular.utils import OpenApiParameter
from rest_framework.permissions import SAFE_METHODS, AllowAny

from http_app import idempotency
from http_app.errors import ErrorSerializer
from http_app.openapi_errors import ERRORS, HEADERS, error_response
from http_app.serializers import StrictSerializer
from http_app.throttling import Writes
from http_app.views import ApiView, Versioned

IDEMPOTENCY_KEY = OpenApiParameter(
    idempotency.HEADER,
    {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"},
    OpenApiParameter.HEADER,
    description=(
        "A UUID or another unique text. If you send the same request again within 24 hours, you get the same"
        " answer (with `Idempotent-Replayed: true`) and it has no second effect. A different request with"
        " the same key is a 422."
    ),
)
IF_MATCH = OpenApiParameter(
    "If-Match",
    str,
    OpenApiParameter.HEADER,
    description="The ETag of the version you read. If it is not current: a 412, and nothing changes.",
)
IF_NONE_MATCH = OpenApiParameter(
    "If-None-Match",
    str,
    OpenApiParameter.HEADER,
    description="The ETag of your copy. If it is current, the answer is a 304.",
)

_SENT_BACK = (
    " What you read can be sent back: read-only fields that are unchanged are ignored, and a `version` that"
    " is not the current one is a 412."
)
# The summary of each of DRF's generic actions, and what its description begins with.
GENERIC = {
    "list": ("List {many}", "A page of {many}, in the order of `ordering`."),
    "create": ("Create {a_one}", "Create {a_one}. The answer has its id, and its URL in `Location`."),
    "retrieve": ("Read {a_one}", "The {one} with this id, as it is now."),
    "update": (
        "Replace {a_one}",
        "Replace all fields of this {one}. A field that is not sent gets its default." + _SENT_BACK,
    ),
    "partial_update": (
        "Change {a_one}",
        "Change some fields of this {one}. A field that is not sent does not change." + _SENT_BACK,
    ),
    "destroy": ("Delete {a_one}", "Delete the {one} with this id."),
}


class Operation(AutoSchema):
    def get_summary(self) -> str:
        """What the action does, in one line; else the beginning of the description."""
        action = getattr(self.view, "action", None)
        if action is None or not hasattr(self.view, "queryset"):
            return re.split(r"[.:;] ?", self.get_description(), maxsplit=1)[0]
        line, _ = GENERIC.get(action, (f"{action.capitalize().replace('_', ' ')} {{a_one}}", ""))
        return line.format(**_nouns(self.view.queryset.model))

    def get_description(self) -> str:  # type: ignore[override] # the stubs lack drf-spectacular's
        """The method's docstring; for a generic action what it does, then the docstring of the view."""
        description: str = super().get_description()
        action = getattr(self.view, "action", None) or ""
        if action not in GENERIC or get_doc(getattr(self.view, action)):
            return description
        model = self.view.queryset.model  # type: ignore[attr-defined] # a view with actions has one
        return f"{GENERIC[action][1].format(**_nouns(model))}\n\n{description}"

    def get_override_parameters(self) -> list[Any]:
        headers = [IDEMPOTENCY_KEY] if self._keeps_answers() else []
        if self._is_versioned():
            headers.append(IF_NONE_MATCH if self._reads() else IF_MATCH)
        return [*super().get_override_parameters(), *headers]

    def get_operation(self, *args: Any, **kwargs: Any) -> Any:
        operation = super().get_operation(*args, **kwargs)
        if operation:
            self.resolve_serializer(ErrorSerializer, "response")  # the errors refer to it
            operation["responses"] = self._responses(operation)
            if self._is_open():
                operation["security"] = []
        return operation

    def _resolve_path_parameters(self, variables: Any) -> Any:
        """Ids in a path are integers, as in bodies; the pattern of their digits would make them strings."""
        parameters = super()._resolve_path_parameters(variables)  # type: ignore[no-untyped-call]
        for parameter in parameters:
            if parameter["schema"].get("pattern") == f"^{ApiView.lookup_value_regex}$":
                parameter["schema"] = {"type": "integer", "minimum": 1}
        return parameters

    def _map_basic_serializer(self, serializer: Any, direction: str) -> Any:
        schema = super()._map_basic_serializer(serializer, direction)  # type: ignore[no-untyped-call]
        if direction == "request" and isinstance(serializer, StrictSerializer):
            schema["additionalProperties"] = False
        return schema

    def _responses(self, operation: dict[str, Any]) -> dict[str, Any]:
        answers = {
            code: answer | {"headers": answer.get("headers", {}) | self._headers(code)}
            for code, answer in operation["responses"].items()
            if code not in ERRORS
        }
        declared = set(operation["responses"]) & set(ERRORS)
        errors = declared | set(self._error_codes())
        if self._is_versioned() and self._reads():
            errors.add("304")
        return dict(sorted((answers | {code: error_response(code) for code in errors}).items()))

    def _headers(self, code: str) -> dict[str, Any]:
        """The headers of an answer that is not an error."""
        located = code == "201" and hasattr(self.view, "retrieve")
        versioned = isinstance(self.view, Versioned) and (self._is_versioned() or code == "201")
        named = {
            "X-Request-ID": True,
            "ETag": versioned and code != "204",
            "Location": located,
            "Idempotent-Replayed": self._keeps_answers(),
            "RateLimit": self._is_limited(),
            "RateLimit-Policy": self._is_limited(),
        }
        return {name: {"$ref": f"#/components/headers/{name}"} for name, there in named.items() if there}

    def _error_codes(self) -> list[str]:
        """The errors of this operation, in addition to those that its view declares."""
        signed_in = not self._is_open()
        can_be = {
            "400": True,
            "401": signed_in,
            "403": signed_in,  # an API token may lack the scope
            "404": "{" in self.path,
            "406": True,
            "408": not self._reads(),
            "409": signed_in and not self._reads(),
            "412": not self._reads(),
            "413": not self._reads(),
            "415": not self._reads(),
            "422": self._keeps_answers(),
            "429": True,
            "503": True,
        }
        return [code for code, can in can_be.items() if can]

    def _is_limited(self) -> bool:
        return any(not (self._reads() and isinstance(one, Writes)) for one in self.view.get_throttles())

    def _reads(self) -> bool:
        return self.method in SAFE_METHODS

    def _is_versioned(self) -> bool:
        return isinstance(self.view, Versioned) and "{" in self.path

    def _is_open(self) -> bool:
        permissions = self.view.get_permissions()
        return not permissions or any(isinstance(permission, AllowAny) for permission in permissions)

    def _keeps_answers(self) -> bool:
        keeps = getattr(self.view, "keeps_answers", False) and not getattr(
            self.view, "answers_secrets", False
        )
        return not self._reads() and not self._is_open() and keeps


def _nouns(model: type[Model]) -> dict[str, str]:
    one, many = str(model._meta.verbose_name), str(model._meta.verbose_name_plural)
    return {"one": one, "many": many, "a_one": f"{'an' if one[0] in 'aeiouAEIOU' else 'a'} {one}"}


def add_components(result: dict[str, Any], **_options: Any) -> dict[str, Any]:
    """A postprocessing hook: the components that the operations refer to."""
    answers = [
        answer["$ref"].rsplit("/", 1)[-1]
        for methods in result["paths"].values()
        for operation in methods.values()
        for answer in operation["responses"].values()
        if "$ref" in answer
    ]
    described = {error.name: error.described() for error in ERRORS.values()}
    result["components"]["headers"] = HEADERS
    result["components"]["responses"] = {name: described[name] for name in sorted(set(answers))}
    return result


def drop_unused_schemas(result: dict[str, Any], **_options: Any) -> dict[str, Any]:
    """A postprocessing hook: without the answer's half of what is only sent, such as a browser's keys."""
    schemas = result["components"]["schemas"]
    while unused := schemas.keys() - set(
        re.findall(r"#/components/schemas/(\w+)", dumps(result, default=str))
    ):
        for name in unused:
            del schemas[name]
    return result


# A result of a bulk request has either the id or the error.
_WITH_OPTIONAL_FIELDS = {"Result"}


def require_answered_fields(result: dict[str, Any], **_options: Any) -> dict[str, Any]:
    """A postprocessing hook: an answer has all its fields, also those that are optional in a request."""
    for name, schema in result["components"]["schemas"].items():
        if "properties" in schema and not name.endswith("Request") and name not in _WITH_OPTIONAL_FIELDS:
            schema["required"] = list(schema["properties"])
    return result


def add_links(result: dict[str, Any], **_options: Any) -> dict[str, Any]:
    """A postprocessing hook: each 201 with an `id` links to every operation below its path (Link Object)."""
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
