"""The errors of the API and the headers of its answers, as components of the OpenAPI document."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class DescribedError:
    """A status code: its name among the components, when it comes, and what it looks like."""

    name: str
    when: str
    type: str
    code: str
    detail: str
    attr: str | None = None
    headers: tuple[str, ...] = ()

    def described(self) -> dict[str, Any]:
        headers = {name: _ref("headers", name) for name in ("X-Request-ID", *self.headers)}
        if not self.type:
            return {"description": self.when, "headers": headers}
        return {"description": self.when, "headers": headers, "content": self._content()}

    def _content(self) -> dict[str, Any]:
        error = {"code": self.code, "detail": self.detail, "attr": self.attr}
        return {
            "application/json": {
                "schema": _ref("schemas", "Error"),
                "example": {"type": self.type, "errors": [error]},
            }
        }


CLIENT, VALIDATION, SERVER = "client_error", "validation_error", "server_error"

ERRORS = {
    "304": DescribedError("NotModified", "What you have is current.", "", "", "", headers=("ETag",)),
    "400": DescribedError(
        "BadRequest",
        "The body or a parameter is wrong; each error names what, and what would be right.",
        VALIDATION,
        "unknown_field",
        "There is no such field. Known here: title, due_at.",
        "titel",
    ),
    "401": DescribedError(
        "Unauthorized",
        "There is no token, or it is not good any more.",
        CLIENT,
        "not_authenticated",
        "Nobody is signed in: send `Authorization: Bearer <token>` with the `access` of"
        " POST /api/auth/token.",
        headers=("WWW-Authenticate",),
    ),
    "403": DescribedError(
        "Forbidden",
        "The token lacks a scope, or the person a right.",
        CLIENT,
        "permission_denied",
        "You do not have permission to perform this action.",
    ),
    "404": DescribedError(
        "NotFound",
        "There is no such object, or it is another's.",
        CLIENT,
        "not_found",
        "Not found.",
    ),
    "406": DescribedError(
        "NotAcceptable",
        "The header Accept leaves out JSON, which is all we speak.",
        CLIENT,
        "not_acceptable",
        "Could not satisfy the request Accept header.",
    ),
    "409": DescribedError(
        "Conflict",
        "What stands in the database does not allow it now.",
        CLIENT,
        "conflict",
        "Something changed at the same moment; read it again, then try again.",
    ),
    "411": DescribedError(
        "LengthRequired",
        "The body came in chunks.",
        CLIENT,
        "length_required",
        "Send the body in one piece, with its Content-Length.",
    ),
    "412": DescribedError(
        "PreconditionFailed",
        "If-Match names another version than the current one, or there is none.",
        CLIENT,
        "stale",
        'It is at version "3" by now; read it, then send If-Match with that version.',
    ),
    "413": DescribedError(
        "ContentTooLarge",
        "The body is too large.",
        CLIENT,
        "body_too_large",
        "The body is too large; at most 2097152 bytes are taken.",
    ),
    "415": DescribedError(
        "UnsupportedMediaType",
        "The body is not application/json in UTF-8, or is encoded.",
        CLIENT,
        "unsupported_media_type",
        'Unsupported media type "text/plain" in request. Send application/json.',
    ),
    "421": DescribedError(
        "MisdirectedRequest",
        "Another process serves this; the detail says where.",
        CLIENT,
        "misdirected",
        "The live stream is not served here but at http://127.0.0.1:8001/api/stream.",
    ),
    "422": DescribedError(
        "IdempotencyKeyReused",
        "The Idempotency-Key came with another request before.",
        CLIENT,
        "idempotency_key_reused",
        "This Idempotency-Key came with another request before; take a new one for a new request.",
    ),
    "429": DescribedError(
        "TooManyRequests",
        "Too often; Retry-After says when to come again.",
        CLIENT,
        "throttled",
        "Request was throttled. Expected available in 12 seconds.",
        headers=("Retry-After",),
    ),
    "503": DescribedError(
        "ServiceUnavailable",
        "Something that this needs does not answer; where time mends it, Retry-After says when to try again.",
        SERVER,
        "unavailable",
        "The database does not answer at the moment; try again.",
        headers=("Retry-After",),
    ),
}

HEADERS: dict[str, Any] = {
    "ETag": {"description": "The version, for If-Match and If-None-Match.", "schema": {"type": "string"}},
    "Idempotent-Replayed": {
        "description": "The request was answered before, with this.",
        "schema": {"type": "string", "const": "true"},
    },
    "Location": {
        "description": "Where to read what was made.",
        "schema": {"type": "string", "format": "uri-reference"},
    },
    "Retry-After": {"description": "Seconds until then.", "schema": {"type": "integer", "minimum": 1}},
    "WWW-Authenticate": {"description": "How to sign in.", "schema": {"type": "string"}},
    "X-Request-ID": {
        "description": "Under which our logs know the request; yours, when you sent one.",
        "schema": {"type": "string"},
    },
}


def error_response(code: str) -> dict[str, str]:
    return _ref("responses", ERRORS[code].name)


def _ref(kind: str, name: str) -> dict[str, str]:
    return {"$ref": f"#/components/{kind}/{name}"}
