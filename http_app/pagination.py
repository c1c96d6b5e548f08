"""Keyset pagination: a page begins after a row's position in the order, not after a number of rows.

Rows that are added or removed while a client reads neither repeat nor hide others, and page 1,000 costs as
much as page 1. Nothing is counted.

Not DRF's CursorPagination: it loses rows that have NULL in the column it orders by, and pages through equal
rows by offset, up to 1,000 of them.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from json import dumps, loads
from typing import Any, Protocol

from django.core.exceptions import ValidationError as FieldError
from rest_framework.exceptions import ValidationError
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

from http_app.keyset import Cursor, Merged, OneKey, Order, SeveralKeys, Together

CURSOR, PAGE_SIZE, ORDERING = "cursor", "page_size", "ordering"
PARAMETERS = (CURSOR, PAGE_SIZE, ORDERING)
DEFAULT_PAGE_SIZE = 50
MAX_PAGE_SIZE = 200


class OrderedView(Protocol):
    """What a list view declares about its order.

    `ordering_fields` maps the API's names to the model's fields, or to annotations of the queryset;
    `default_ordering` is one of the names, with a `-` in front for descending. The optional `page_rows` reads
    the rows with these ids; the queryset's own statement then selects only the ids.
    """

    ordering_fields: Mapping[str, str]
    default_ordering: str


class Pages(BasePagination):
    """`{results, next, previous}`; the two are URLs or null.

    Query parameters: `cursor` (opaque, from next or previous, valid only for the ordering it was made for),
    `page_size` (1 to 200, default 50) and `ordering` (some of the view's `ordering_fields`, by comma). Raises
    ValidationError (400) naming the parameter. Ties are broken by id; NULLs come last in both directions.
    """

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        self.url = request.build_absolute_uri()
        self.ordering = _ordering(request, view)
        size = _page_size(request)
        self.order = order = _order(queryset, view, self.ordering)
        self.cursor = _decode(request.query_params[CURSOR], order) if CURSOR in request.query_params else None
        if self.cursor and self.cursor.ordering != self.ordering:
            raise _refused(
                CURSOR, "This cursor was made for a different ordering. Start again without a cursor."
            )
        page_rows: Callable[[list[Any]], list[Any]] | None = getattr(view, "page_rows", None)
        found = order.rows(self.cursor, size + 1, whole=page_rows is None)
        self.more, self.page = len(found) > size, found[:size]
        if self.cursor and self.cursor.backwards:
            self.page.reverse()
        return page_rows([row.pk for row in self.page]) if page_rows else self.page

    def get_paginated_response(self, data: Any) -> Response:
        return Response({"results": data, "next": self._next(), "previous": self._previous()})

    def _next(self) -> str | None:
        if self.cursor and self.cursor.backwards:
            return self._url("after", -1) if self.page else self._back("from")
        return self._url("after", -1) if self.more else None

    def _previous(self) -> str | None:
        if self.cursor and not self.cursor.backwards:
            return self._url("before", 0) if self.page else self._back("upto")
        return self._url("before", 0) if self.more and self.cursor else None

    def _url(self, side: str, row: int) -> str:
        at = self.page[row]
        return self._link(Cursor(self.ordering, side, self.order.key_of(at), at.pk))

    def _back(self, side: str) -> str:
        assert self.cursor
        return self._link(Cursor(self.ordering, side, self.cursor.key, self.cursor.id))

    def _link(self, cursor: Cursor) -> str:
        return replace_query_param(self.url, CURSOR, _encode(cursor))

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        link = {"type": ["string", "null"], "format": "uri", "example": None}
        return {
            "type": "object",
            "required": ["results", "next", "previous"],
            "properties": {"results": schema, "next": link, "previous": link},
        }

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        names = [sign + name for name in view.ordering_fields for sign in ("", "-")]
        default = getattr(view, "default_ordering_help", f"`{view.default_ordering}`")
        size = {"type": "integer", "minimum": 1, "maximum": MAX_PAGE_SIZE, "default": DEFAULT_PAGE_SIZE}
        return [
            _parameter(CURSOR, {"type": "string"}, "A position in the list, from `next` or `previous`."),
            _parameter(PAGE_SIZE, size, "The number of results on a page."),
            {
                **_parameter(
                    ORDERING,
                    {"type": "array", "items": {"type": "string", "enum": names}, "minItems": 1},
                    "What to sort by; `-` for descending, several by comma. Ties are broken by id; empty"
                    f" values come last. The default is {default}.",
                ),
                "explode": False,
            },
        ]


def _ordering(request: Request, view: OrderedView) -> str:
    ordering = request.query_params.get(ORDERING, view.default_ordering)
    names = [name.removeprefix("-") for name in ordering.split(",")]
    if not set(names) <= set(view.ordering_fields):
        known = ", ".join(view.ordering_fields)
        raise _refused(ORDERING, f"Order by {known}; several by comma, with a - in front for descending.")
    if len(names) > len(set(names)):
        raise _refused(ORDERING, "Name each only once.")
    return ordering


def _order(found: Any, view: OrderedView, ordering: str) -> Order:
    if isinstance(found, Together):
        return Merged(found, view.ordering_fields[ordering.removeprefix("-")], descending=ordering[0] == "-")
    keys = [(view.ordering_fields[name.removeprefix("-")], name[0] == "-") for name in ordering.split(",")]
    if len(keys) > 1:
        return SeveralKeys(found, keys)
    return OneKey(found, keys[0][0], descending=keys[0][1])


def _page_size(request: Request) -> int:
    text = request.query_params.get(PAGE_SIZE, str(DEFAULT_PAGE_SIZE))
    size = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
    if not 1 <= size <= MAX_PAGE_SIZE:
        raise _refused(PAGE_SIZE, f"The page size must be between 1 and {MAX_PAGE_SIZE}.")
    return size


def _encode(cursor: Cursor) -> str:
    text = dumps(asdict(cursor), default=_text, separators=(",", ":"))
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _text(value: Any) -> str:
    # Not Django's JSON encoder, which drops the microseconds and so loses the position.
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _decode(text: str, order: Order) -> Cursor:
    """The cursor, with values in the types of the columns. Raises ValidationError if it is not valid."""
    try:
        padded = text.encode("ascii") + b"=" * (-len(text) % 4)
        cursor = Cursor(**loads(urlsafe_b64decode(padded)))
        several = len(order.key_fields) > 1
        if several != isinstance(cursor.key, list):
            raise ValueError
        given = cursor.key if several else [cursor.key]
        keys = [
            None if key is None else _typed(field, key)
            for field, key in zip(order.key_fields, given, strict=True)
        ]
        row_id = _typed(order.pk_field, cursor.id)
    except (ValueError, TypeError, OverflowError, RecursionError, FieldError):
        raise _broken() from None
    if cursor.side not in ("after", "before", "from", "upto"):
        raise _broken()
    return Cursor(cursor.ordering, cursor.side, keys if several else keys[0], row_id)


def _typed(field: Any, value: Any) -> Any:
    """A value of a cursor in the type of the field. Raises ValueError for one that no field can store."""
    if not isinstance(value, str | int) or "\0" in str(value):
        raise ValueError
    str(value).encode()  # raises UnicodeEncodeError for half of a surrogate pair
    typed = field.to_python(value)
    if not isinstance(typed, datetime):
        return typed
    if typed.tzinfo is None:
        raise ValueError
    return typed.astimezone(UTC)  # PostgreSQL has no offset beyond 15:59, Python no year before 1


def _broken() -> ValidationError:
    return _refused(CURSOR, "This cursor is invalid. Copy it unchanged from next or previous.")


def _refused(parameter: str, detail: str) -> ValidationError:
    return ValidationError({parameter: [detail]})


def _parameter(name: str, schema: dict[str, Any], description: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "schema": schema, "description": description}
