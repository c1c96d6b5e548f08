"""Every way to name an object in the API, out of the OpenAPI document, and the objects that can be named.

What names what cannot be guessed: a new path, parameter or field stands in the tables below, or the test
fails.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.contract.document import OPERATIONS, Operation, resolved

# What the ids of a path name; None: an object that belongs to no user.
PATHS: dict[str, str | None] = dict.fromkeys(
    (operation.path for operation in OPERATIONS if "{" not in operation.path), None
) | {
    "/api/auth/api-tokens/{id}": "api token",
    "/api/confirmations/{id}/confirm": "confirmation",
    "/api/confirmations/{id}/decline": "confirmation",
    "/api/conversations/{conversation_id}/messages": "conversation",
    "/api/conversations/{conversation_id}/undo": "conversation",
    "/api/conversations/{id}": "conversation",
    "/api/conversations/{id}/cancel": "conversation",
    "/api/priorities/{id}": None,
    "/api/push-subscriptions/{id}": "push subscription",
    "/api/push-subscriptions/{id}/test": "push subscription",
    "/api/recurring-tasks/{id}": "template",
    "/api/recurring-tasks/{id}/pause": "template",
    "/api/recurring-tasks/{id}/resume": "template",
    "/api/recurring-tasks/{id}/run": "template",
    "/api/recurring-tasks/{template_id}/occurrences": "template",
    "/api/recurring-tasks/{template_id}/preview": "template",
    "/api/tags/{id}": "tag",
    "/api/tags/{id}/merge": "tag",
    "/api/tasks/{id}": "task",
    "/api/tasks/{id}/complete": "task",
    "/api/tasks/{id}/reopen": "task",
    "/api/tasks/{id}/restore": "task",
    "/api/tasks/{id}/skip": "task",
    "/api/tasks/{id}/snooze": "task",
    "/api/tasks/{id}/stop": "task",
    "/api/tasks/{task_id}/occurrences": "task",
    "/api/tasks/{task_id}/reminders": "task",
}
# What a query parameter, a field of a body or a header names.
NAMES: dict[str, str] = {
    "query cursor": "cursor",
    "query external_id": "external id",
    "query parent": "task",
    "query q": "word",
    "query series": "series",
    "query tag": "tag",
    "query tag_all": "tag",
    "body external_id": "external id",
    "body email": "e-mail address",
    "body into": "tag",
    "body operations.data": "tag",
    "body operations.id": "task",
    "body tag_ids": "tag",
    "body tags": "tag name",
    "body conversation_id": "conversation",
    "body turn_id": "turn",
    "body uid": "account",
    "header Idempotency-Key": "idempotency key",
}
# What names no user's object. Priorities are shared. A token, and a browser's endpoint, is a secret: anyone
# who has it may use it.
PLAIN = {
    *(f"query {name}" for name in ("archived", "completed", "ordering", "overdue", "page_size", "permanent")),
    *(f"query {name}" for name in ("count", "is_active", "ticket", "last_event_id")),
    *(f"query {name}" for name in ("pinned", "priority", "recurring", "task_count", "trash")),
    *(f"query {name}" for name in ("all_day", "due", "reminder", "untagged")),
    *(
        f"query {name}_{side}"
        for name in ("completed", "created", "due", "reminder", "updated")
        for side in ("after", "before")
    ),
    *(
        f"body {name}"
        for name in ("title", "description", "color", "pinned", "archived", "timezone", "move_series")
    ),
    *(
        f"body {name}"
        for name in ("due_at", "reminder_at", "reminder_offsets", "apply_to", "until", "minutes")
    ),
    *(
        f"body {name}"
        for name in ("rule", "start", "after", "count", "mode", "completed_at", "now", "policy")
    ),
    *(f"body {name}" for name in ("is_recurring", "recurrence_rule", "recurrence_end", "recurrence_mode")),
    *(f"body template_{name}" for name in ("title", "description")),
    *(f"body {name}" for name in ("recurrence_pattern", "cron_expression", "rrule", "starts_at", "ends_at")),
    *(f"body {name}" for name in ("catch_up", "due_after_minutes", "is_active")),
    *(f"body {name}" for name in ("priority", "priority_id", "name", "level", "scopes", "expires_at")),
    *(f"body {name}" for name in ("password", "current_password", "new_password", "refresh", "token")),
    *(f"body {name}" for name in ("endpoint", "p256dh_key", "auth_key", "user_agent")),
    *(f"body {name}" for name in ("expirationTime", "keys", "keys.p256dh", "keys.auth")),
    *(f"body {name}" for name in ("operations", "operations.op", "atomic")),
    *(f"body {name}" for name in ("completed", "created_at", "due_date", "day_starts_at", "message")),
    *(f"body {name}" for name in ("default_reminder_offset", "quiet_from", "quiet_to", "channels")),
    *(f"body {name}" for name in ("due_soon_notifications", "rings_in_quiet_hours")),
    *(f"body {name}" for name in ("text", "dry_run")),
    "header If-Match",
    "header If-None-Match",
    # An event id in the caller's own stream: another user's cannot be named (tests/sync_app/test_access.py).
    "header Last-Event-ID",
}
# The answer shows that a name is taken, because two users cannot have the same address.
TELLS = {("POST /api/auth/register", "body email")}

CALLERS = ("another user", "staff", "anonymous")
STATES = {"task": ("open", "completed", "archived", "in the trash")}  # of an object of bob's


@dataclass(frozen=True)
class Request:
    url: str
    query: dict[str, Any] = field(default_factory=dict)
    body: dict[str, Any] | None = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Way:
    """One way to name something of bob's: `request(value, own)` names it by value; `own` is the caller's."""

    caller: str
    operation: Operation
    place: str
    kind: str
    state: int
    request: Callable[[Any, dict[str, Any]], Request] = field(compare=False, repr=False)


def places(operation: Operation) -> list[str]:
    """Each parameter, field and header of an operation."""
    return [
        *(f"query {name}" for name in operation.parameters("query")),
        *(f"header {name}" for name in operation.parameters("header")),
        *(f"body {name}" for name, _schema in operation.fields()),
    ]


def ways(operation: Operation) -> Iterator[Way]:
    for caller in CALLERS:
        for place, kind, request in _requests(operation):
            for state in range(len(STATES.get(kind, ["the one"]))):
                yield Way(caller, operation, place, kind, state, request)


def _requests(operation: Operation) -> Iterator[tuple[str, str, Callable[[Any, dict[str, Any]], Request]]]:
    if kind := PATHS[operation.path]:
        for request in _by_path(operation):
            yield "path", kind, request
    for place in places(operation):
        if place in NAMES:
            for request in _by_place(operation, place):
                yield place, NAMES[place], request


def _by_path(operation: Operation) -> Iterator[Callable[[Any, dict[str, Any]], Request]]:
    """The id in the path, with each body that makes sense, and each header and parameter that may matter."""
    bodies = [None, {}, required(operation), operation.example()] if operation.body else [None]
    for body in bodies:
        yield lambda value, _own, body=body: Request(operation.url(value), body=body)
    for name, sent in {"If-Match": '"1"', "If-None-Match": "*", "Idempotency-Key": "the caller's"}.items():
        yield lambda value, _own, name=name, sent=sent: Request(
            operation.url(value), body=bodies[-1], headers={name: sent}
        )
    for name, parameter in operation.parameters("query").items():
        if parameter["schema"].get("type") == "boolean":
            yield lambda value, _own, name=name: Request(operation.url(value), {name: "true"})


def _by_place(operation: Operation, place: str) -> Iterator[Callable[[Any, dict[str, Any]], Request]]:
    kind = PATHS[operation.path]
    where, name = place.split(" ", 1)

    def base(own: dict[str, Any]) -> Request:
        body = required(operation) if operation.body else None
        if body and "into" in body:
            body["into"] = own["second tag"]
        return Request(operation.url(own[kind] if kind else 1), body=body)

    if where == "query":
        yield lambda value, own: replace(base(own), query={name: value})
        yield lambda value, own: replace(base(own), query={name: value, "page_size": "1"})
    elif where == "header":
        yield lambda value, own: replace(base(own), headers={name: value})
    elif name.startswith("operations."):
        yield from _in_bulk(operation, name)
    else:
        schema = resolved(dict(operation.fields())[name])
        many = schema.get("type") == "array"
        yield lambda value, own: replace(
            base(own), body={**(base(own).body or {}), name: [value] if many else value}
        )
        if many:
            yield lambda value, own: replace(
                base(own), body={**(base(own).body or {}), name: [own["tag"], value]}
            )


def _in_bulk(operation: Operation, name: str) -> Iterator[Callable[[Any, dict[str, Any]], Request]]:
    if name == "operations.id":
        made = [
            lambda value, _own: {"op": "update", "id": value, "data": {"title": "taken over"}},
            lambda value, _own: {"op": "complete", "id": value},
            lambda value, _own: {"op": "delete", "id": value},
            lambda value, _own: {"op": "delete", "id": value, "data": {"permanent": True}},
        ]
    else:
        made = [
            lambda value, _own: {"op": "create", "data": {"title": "new", "tag_ids": [value]}},
            lambda value, own: {"op": "update", "id": own["task"], "data": {"tag_ids": [value]}},
        ]
    for one in made:
        for atomic in (True, False):
            yield lambda value, own, one=one, atomic=atomic: Request(
                operation.url(), body={"operations": [one(value, own)], "atomic": atomic}
            )


def required(operation: Operation) -> dict[str, Any]:
    """The example of the body, as short as it may be."""
    schema = resolved(operation.body["schema"]) if operation.body else {}
    return {name: value for name, value in operation.example().items() if name in schema.get("required", [])}


def cursor_of(page: dict[str, Any]) -> str:
    return parse_qs(urlsplit(page["next"]).query)["cursor"][0]


def with_another_id(cursor: str, old: int, new: int) -> str:
    """The cursor of the same position, but of a row that does not exist."""
    text = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
    return urlsafe_b64encode(text.replace(str(old), str(new)).encode()).decode().rstrip("=")
