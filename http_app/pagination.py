"""Keyset pagination: a page begins after a row's position in the order, not after a number of rows.

Rows that are added or removed while a client reads neither repeat nor hide others, and page 1,000 costs as
much as page 1. Nothing is counted.

Not DRF's CursorPagination: it loses rows that have NULL in the column it orders by, and pages through equal
rows by offset, up to 1,000 of them.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from json import dumps, loads
from typing import Any, Protocol

from django.core.exceptions import ValidationError as FieldError
from django.db.models import F, Field, Model, Q, QuerySet
from django.db.models.expressions import Col
from rest_framework.exceptions import ValidationError
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

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


@dataclass(frozen=True)
class Cursor:
    """A position in a list: the row with this key and id, and the direction to read from there.

    `side` says which rows the page has: those `after` or `before` this row, or the same including this row
    (`from`, `upto`: the way back from a page that turned out to be empty).
    """

    ordering: str
    side: str
    key: Any
    id: Any

    @property
    def backwards(self) -> bool:
        return self.side in ("before", "upto")


class Pages(BasePagination):
    """`{results, next, previous}`; the two are URLs or null.

    Query parameters: `cursor` (opaque, from next or previous, valid only for the ordering it was made for),
    `page_size` (1 to 200, default 50) and `ordering` (one of the view's `ordering_fields`). Raises
    ValidationError (400) naming the parameter. Ties are broken by id; NULLs come last in both directions.
    """

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        self.url = request.build_absolute_uri()
        self.ordering = _ordering(request, view)
        size = _page_size(request)
        field = view.ordering_fields[self.ordering.removeprefix("-")]
        rows: QuerySet[Any] = queryset.annotate(page_key=F(field))
        order = _Order(rows, field, descending=self.ordering.startswith("-"))
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
        return self._link(Cursor(self.ordering, side, self.page[row].page_key, self.page[row].pk))

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
        size = {"type": "integer", "minimum": 1, "maximum": MAX_PAGE_SIZE, "default": DEFAULT_PAGE_SIZE}
        return [
            _parameter(CURSOR, {"type": "string"}, "A position in the list, from `next` or `previous`."),
            _parameter(PAGE_SIZE, size, "The number of results on a page."),
            _parameter(
                ORDERING,
                {"type": "string", "enum": names, "default": view.default_ordering},
                "What to sort by; `-` for descending. Ties are broken by id; empty values come last.",
            ),
        ]


class _Order:
    """A queryset in one order, readable from any position in both directions."""

    def __init__(self, queryset: QuerySet[Any], field: str, *, descending: bool) -> None:
        self.queryset = queryset
        self.descending = descending
        key = queryset.query.annotations["page_key"]
        self.nullable = _can_be_null(queryset.model, field, key)
        self.key_field: Field[Any, Any] = key.output_field

    def rows(self, cursor: Cursor | None, count: int, *, whole: bool) -> list[Any]:
        """The next `count` rows from the cursor, or only the `pk` and `page_key` of each."""
        found: list[Any] = []
        for part in self._parts(cursor):
            rows = part if whole else part.values_list("pk", "page_key", named=True)
            found += rows[: count - len(found)]
            if len(found) == count:
                break
        return found

    def _parts(self, cursor: Cursor | None) -> list[QuerySet[Any]]:
        """The rest of the list from the cursor, with rows without a key, which come last, as a separate part.

        One statement for both would need `NULLS LAST` and an OR, with which PostgreSQL cannot use the index.
        """
        backwards = cursor is not None and cursor.backwards
        sign = "-" if self.descending != backwards else ""
        rows = self.queryset.order_by(f"{sign}page_key", f"{sign}pk")
        beyond = rows.filter(self._beyond(cursor, sign)) if cursor else rows
        if not self.nullable:
            return [beyond]
        keyed, empty = Q(page_key__isnull=False), Q(page_key__isnull=True)
        if cursor is None:
            return [rows.filter(keyed), rows.filter(empty)]
        if cursor.key is None:
            return [beyond.filter(empty), *([rows.filter(keyed)] if backwards else [])]
        return [beyond.filter(keyed), *([] if backwards else [rows.filter(empty)])]

    @staticmethod
    def _beyond(cursor: Cursor, sign: str) -> Q:
        further = "lt" if sign else "gt"
        inclusive = "e" if cursor.side in ("from", "upto") else ""
        same_key = Q(**{f"pk__{further}{inclusive}": cursor.id})
        if cursor.key is None:
            return same_key
        # As SQL `key <= k AND (key < k OR id < i)`, for which an index on (key, id) can be used.
        return Q(**{f"page_key__{further}e": cursor.key}) & (
            Q(**{f"page_key__{further}": cursor.key}) | same_key
        )


def _can_be_null(model: type[Model], name: str, key: Any) -> bool:
    """A column or an expression says whether it can be null; a value of a related row may be missing."""
    columns = {field.name: field for field in model._meta.concrete_fields}
    if name in columns:
        return columns[name].null
    return isinstance(key, Col) or bool(key.output_field.null)


def _ordering(request: Request, view: OrderedView) -> str:
    ordering = request.query_params.get(ORDERING, view.default_ordering)
    if ordering.removeprefix("-") not in view.ordering_fields:
        names = ", ".join(view.ordering_fields)
        raise _refused(ORDERING, f"Order by one of {names}, with a - in front for descending.")
    return ordering


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


def _decode(text: str, order: _Order) -> Cursor:
    """The cursor, with values in the types of the columns. Raises ValidationError if it is not valid."""
    try:
        padded = text.encode("ascii") + b"=" * (-len(text) % 4)
        cursor = Cursor(**loads(urlsafe_b64decode(padded)))
        key = None if cursor.key is None else _typed(order.key_field, cursor.key)
        row_id = _typed(order.queryset.model._meta.pk, cursor.id)
    except (ValueError, TypeError, OverflowError, RecursionError, FieldError):
        raise _broken() from None
    if cursor.side not in ("after", "before", "from", "upto"):
        raise _broken()
    return Cursor(cursor.ordering, cursor.side, key, row_id)


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
