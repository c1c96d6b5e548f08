"""Positions in an ordered list, and the rows from a position on, in both directions.

Ties are broken by id; rows without a key come last in both directions.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from django.db.models import F, Field, Model, OrderBy, Q, QuerySet
from django.db.models.expressions import Col


@dataclass(frozen=True)
class Cursor:
    """A position in a list: the row with this key and id, and the direction to read from there.

    `side` says which rows the page has: those `after` or `before` this row, or the same including this row
    (`from`, `upto`: the way back from a page that turned out to be empty). In an order by several keys, `key`
    is the list of them.
    """

    ordering: str
    side: str
    key: Any
    id: Any

    @property
    def backwards(self) -> bool:
        return self.side in ("before", "upto")

    @property
    def inclusive(self) -> str:
        return "e" if self.side in ("from", "upto") else ""


class KeyedAndEmpty(NamedTuple):
    """A list whose rows with and without a key are found by different querysets; both have the key."""

    keyed: QuerySet[Any]
    empty: QuerySet[Any]


class Together(NamedTuple):
    """Two querysets as one list; both have the key, which is never null, and no value of it is in both."""

    first: QuerySet[Any]
    second: QuerySet[Any]


class Order(Protocol):
    """A list in one order."""

    @property
    def pk_field(self) -> Any:
        """The field of the id."""

    @property
    def key_fields(self) -> Sequence[Any]:
        """The fields of the keys."""

    def rows(self, cursor: Cursor | None, count: int, *, whole: bool) -> list[Any]:
        """The next `count` rows from the cursor, or only `pk` and the keys of each."""

    def key_of(self, row: Any) -> Any:
        """What a Cursor at this row has as its key."""


class OneKey:
    """An order by one key, for which PostgreSQL can use an index on (key, id)."""

    def __init__(self, found: QuerySet[Any] | KeyedAndEmpty, field: str, *, descending: bool) -> None:
        self.descending = descending
        parts = found if isinstance(found, KeyedAndEmpty) else (found,)
        first, *second = (part.annotate(page_key=F(field)) for part in parts)
        key = first.query.annotations["page_key"]
        self.pk_field = first.model._meta.pk
        self.key_fields: list[Field[Any, Any]] = [key.output_field]
        self.empty: QuerySet[Any] | None = None
        if second:
            self.keyed, self.empty = first, second[0]
        elif _can_be_null(first.model, field, key):
            self.keyed, self.empty = first.filter(page_key__isnull=False), first.filter(page_key__isnull=True)
        else:
            self.keyed = first

    def rows(self, cursor: Cursor | None, count: int, *, whole: bool) -> list[Any]:
        found: list[Any] = []
        for part in self._parts(cursor):
            rows = part if whole else part.values_list("pk", "page_key", named=True)
            found += rows[: count - len(found)]
            if len(found) == count:
                break
        return found

    def key_of(self, row: Any) -> Any:
        return row.page_key

    def _parts(self, cursor: Cursor | None) -> list[QuerySet[Any]]:
        """The rest of the list from the cursor, with rows without a key, which come last, as a separate part.

        One statement for both would need `NULLS LAST` and an OR, with which PostgreSQL cannot use the index.
        """
        backwards = cursor is not None and cursor.backwards
        sign = "-" if self.descending != backwards else ""
        keyed, *empty = (
            part.order_by(f"{sign}page_key", f"{sign}pk")
            for part in (self.keyed, self.empty)
            if part is not None
        )
        if cursor is None:
            return [keyed, *empty]
        beyond = self._beyond(cursor, sign)
        if cursor.key is None:
            return [*(part.filter(beyond) for part in empty), *([keyed] if backwards else [])]
        return [keyed.filter(beyond), *([] if backwards else empty)]

    @staticmethod
    def _beyond(cursor: Cursor, sign: str) -> Q:
        further = "lt" if sign else "gt"
        same_key = Q(**{f"pk__{further}{cursor.inclusive}": cursor.id})
        if cursor.key is None:
            return same_key
        # As SQL `key <= k AND (key < k OR id < i)`, for which an index on (key, id) can be used.
        return Q(**{f"page_key__{further}e": cursor.key}) & (
            Q(**{f"page_key__{further}": cursor.key}) | same_key
        )


class Merged:
    """Two querysets as one list by one key."""

    def __init__(self, found: Together, field: str, *, descending: bool) -> None:
        self.descending = descending
        self.parts = [
            OneKey(KeyedAndEmpty(part, part.none()), field, descending=descending) for part in found
        ]
        self.pk_field, self.key_fields = self.parts[0].pk_field, self.parts[0].key_fields

    def rows(self, cursor: Cursor | None, count: int, *, whole: bool) -> list[Any]:
        found = [row for part in self.parts for row in part.rows(cursor, count, whole=whole)]
        backwards = cursor is not None and cursor.backwards
        return sorted(found, key=self.key_of, reverse=self.descending != backwards)[:count]

    def key_of(self, row: Any) -> Any:
        return row.page_key


class SeveralKeys:
    """An order by several keys, each in its own direction. The rows that match are sorted."""

    def __init__(self, found: QuerySet[Any], keys: Sequence[tuple[str, bool]]) -> None:
        """`keys`: fields, and whether each is descending; ties go by id in the last one's direction."""
        self.names = [f"page_key_{number}" for number in range(len(keys))]
        self.descending = [descending for _, descending in keys]
        self.found = found.annotate(
            **{name: F(field) for name, (field, _) in zip(self.names, keys, strict=True)}
        )
        annotations = self.found.query.annotations
        self.pk_field = found.model._meta.pk
        self.key_fields = [annotations[name].output_field for name in self.names]

    def rows(self, cursor: Cursor | None, count: int, *, whole: bool) -> list[Any]:
        backwards = cursor is not None and cursor.backwards
        order = [
            _order_by(name, descending != backwards, nulls_first=backwards)
            for name, descending in zip(self.names, self.descending, strict=True)
        ]
        sign = "-" if self.descending[-1] != backwards else ""
        rows = self.found.order_by(*order, f"{sign}pk")
        if cursor is not None:
            rows = rows.filter(self._beyond(cursor))
        return list((rows if whole else rows.values_list("pk", *self.names, named=True))[:count])

    def key_of(self, row: Any) -> list[Any]:
        return [getattr(row, name) for name in self.names]

    def _beyond(self, cursor: Cursor) -> Q:
        """After the cursor's first key, or the same and after its second, and so on to the id."""
        beyond, same = Q(pk__in=[]), Q()
        for name, descending, key in zip(self.names, self.descending, cursor.key, strict=True):
            if (further := self._further(name, key, descending, cursor)) is not None:
                beyond |= same & further
            same &= Q(**{f"{name}__isnull": True}) if key is None else Q(**{name: key})
        further_id = "lt" if self.descending[-1] != cursor.backwards else "gt"
        return beyond | (same & Q(**{f"pk__{further_id}{cursor.inclusive}": cursor.id}))

    @staticmethod
    def _further(name: str, key: Any, descending: bool, cursor: Cursor) -> Q | None:
        if key is None:
            return Q(**{f"{name}__isnull": False}) if cursor.backwards else None
        further = Q(**{f"{name}__{'lt' if descending != cursor.backwards else 'gt'}": key})
        return further if cursor.backwards else further | Q(**{f"{name}__isnull": True})


def _order_by(name: str, descending: bool, *, nulls_first: bool) -> OrderBy:
    nulls = {"nulls_first": True} if nulls_first else {"nulls_last": True}
    return F(name).desc(**nulls) if descending else F(name).asc(**nulls)


def _can_be_null(model: type[Model], name: str, key: Any) -> bool:
    """A column or an expression says whether it can be null; a value of a related row may be missing."""
    columns = {field.name: field for field in model._meta.concrete_fields}
    if name in columns:
        return columns[name].null
    return isinstance(key, Col) or bool(key.output_field.null)
