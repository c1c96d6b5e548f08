"""The errors of the API and the headers of its answers, as components of the OpenAPI document.

The example of an error is the answer to a real exception, so that no text is written twice.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rest_framework.exceptions import (
    APIException,
    NotAcceptable,
    NotAuthenticated,
    NotFound,
    PermissionDenied,
    Throttled,
    UnsupportedMediaType,
    ValidationError,
)

from http_app.error_answers import error_body
from http_app.errors import (
    BodyTimeout,
    BodyTooLarge,
    Conflict,
    IdempotencyKeyReused,
    Misdirected,
    PreconditionFailed,
    Unavailable,
)
from http_app.serializers import unknown_field


@dataclass(frozen=True)
class DescribedError:
    """A status: its component's name, when it occurs, and what makes an exception of it (304 has none)."""

    name: str
    when: str
    example: Callable[[], APIException] | None
    headers: tuple[str, ...] = ()

    def described(self) -> dict[str, Any]:
        """The component."""
        headers = {name: _ref("headers", name) for name in ("X-Request-ID", *self.headers)}
        component: dict[str, Any] = {"description": self.when, "headers": headers}
        if self.example:
            content = {"schema": _ref("schemas", "Error"), "example": error_body(self.example())}
            component["content"] = {"application/json": content}
        return component


ERRORS = {
    "304": DescribedError("NotModified", "Your copy is current.", None, headers=("ETag",)),
    "400": DescribedError(
        "BadRequest",
        "The body or a parameter is wrong; each error says which one, and how to fix it.",
        lambda: ValidationError({"titel": [unknown_field(["title", "due_at"])]}),
    ),
    "401": DescribedError(
        "Unauthorized",
        "There is no token, or it is not valid (any more).",
        NotAuthenticated,
        headers=("WWW-Authenticate",),
    ),
    "403": DescribedError(
        "Forbidden", "The token lacks a scope, or the user a permission.", PermissionDenied
    ),
    "404": DescribedError("NotFound", "There is no such object, or it is another user's.", NotFound),
    "406": DescribedError(
        "NotAcceptable", "The Accept header excludes JSON, the only format of the API.", NotAcceptable
    ),
    "408": DescribedError("RequestTimeout", "The body took too long to arrive.", BodyTimeout),
    "409": DescribedError(
        "Conflict", "The state of the database does not allow this now, or a quota is reached.", Conflict
    ),
    "412": DescribedError(
        "PreconditionFailed",
        "If-Match names another version than the current one, or there is no version.",
        lambda: PreconditionFailed(3),
    ),
    "413": DescribedError("ContentTooLarge", "The body is too large.", BodyTooLarge),
    "415": DescribedError(
        "UnsupportedMediaType",
        "The body is not application/json in UTF-8, or is compressed.",
        lambda: UnsupportedMediaType("text/plain"),
    ),
    "421": DescribedError(
        "MisdirectedRequest",
        "Another process serves this; the detail says where.",
        lambda: Misdirected("http://127.0.0.1:8001/api/stream"),
    ),
    "422": DescribedError(
        "IdempotencyKeyReused",
        "The Idempotency-Key was already used for a different request.",
        IdempotencyKeyReused,
    ),
    "429": DescribedError(
        "TooManyRequests",
        "Too many requests in a time or at once, or two long ones run; Retry-After says when to try again.",
        lambda: Throttled(12),
        headers=("RateLimit", "RateLimit-Policy", "Retry-After"),
    ),
    "503": DescribedError(
        "ServiceUnavailable",
        "A service that this needs is unavailable; Retry-After, if present, says when to try again.",
        Unavailable,
        headers=("Retry-After",),
    ),
}

HEADERS: dict[str, Any] = {
    "ETag": {"description": "The version, for If-Match and If-None-Match.", "schema": {"type": "string"}},
    "Idempotent-Replayed": {
        "description": "This is the stored answer to an earlier request with the same key.",
        "schema": {"type": "string", "const": "true"},
    },
    "Location": {
        "description": "The URL of the new object.",
        "schema": {"type": "string", "format": "uri-reference"},
    },
    "RateLimit": {
        "description": (
            "What is left of each limit that the request counted against, and in how many seconds that limit"
            " starts again (draft-ietf-httpapi-ratelimit-headers): `writes`, `operations` (of bulks),"
            " `previews`, and those of signing in."
        ),
        "schema": {"type": "string", "examples": ['"writes";r=299;t=42']},
    },
    "RateLimit-Policy": {
        "description": "Those limits: how many requests (`q`) in how many seconds (`w`).",
        "schema": {"type": "string", "examples": ['"writes";q=300;w=60']},
    },
    "Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 1}},
    "WWW-Authenticate": {"description": "How to authenticate.", "schema": {"type": "string"}},
    "X-Request-ID": {
        "description": "The request's id in the logs: yours, if you sent one.",
        "schema": {"type": "string"},
    },
}


def error_response(code: str) -> dict[str, str]:
    """A reference to the component of this status."""
    return _ref("responses", ERRORS[code].name)


def _ref(kind: str, name: str) -> dict[str, str]:
    return {"$ref": f"#/components/{kind}/{name}"}
