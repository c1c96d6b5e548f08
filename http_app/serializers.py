"""Strict input: known fields only, and each value of the JSON type that the document says.

DRF drops unknown fields and turns one type into another: a client's mistake becomes data. Numbers count as in
JSON Schema: 1.0 is the integer 1.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from copy import copy
from functools import cache, cached_property
from typing import Any, NamedTuple, NoReturn, cast

from django.core.exceptions import ValidationError as DjangoValidationError
from django.db import models
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.fields import empty, get_error_detail
from rest_framework.relations import ManyRelatedField
from rest_framework.utils.serializer_helpers import BindingDict

from http_app.read_only import read_only_errors


class OneOfField(serializers.ChoiceField):
    """A choice whose error message lists the choices."""

    default_error_messages = {"invalid_choice": "Write one of {choices}."}

    def fail(self, key: str, **values: Any) -> NoReturn:
        super().fail(key, choices=", ".join(map(str, self.choices)), **values)


class StrictSerializer(serializers.Serializer[Any]):
    # A mixin, before a serializer. It refuses what DRF would silently drop or convert: an unknown field (code
    # `unknown_field`), a read-only one (`read_only`, but see http_app/read_only.py), a value of another JSON
    # type (`invalid`). One 400 names them all, with whatever else is wrong. A nested serializer is strict if
    # it has the mixin too.
    # (No docstring: the OpenAPI document would repeat it in every schema.)

    serializer_choice_field: Any = OneOfField  # for a ModelSerializer's own fields

    @cached_property
    def fields(self) -> "_BoundFields":  # type: ignore[override] # DRF's is a BindingDict
        # DRF creates all of them for each serializer: an eighth of a POST.
        return _BoundFields(_fields_of(type(self)), self)

    # While a body is read, the names that it has a value for.
    _sent: Collection[str] | None = None

    @property
    def _writable_fields(self) -> list[Any]:
        # DRF asks all; one that was not sent, is not required and has no default only says "skip me".
        names: Collection[str] = self.fields
        if self._sent is not None:
            names = self._sent if self.root.partial else {*self._sent, *_expected_of(type(self))}
        return self.fields.of([name for name in _types_of(type(self)) if name in names])

    def _read_only_defaults(self) -> dict[str, Any]:
        # DRF looks at all fields; there are hardly any such.
        fields = _fields_of(type(self)).values()
        has_some = any(field.read_only and field.default is not empty for field in fields)
        return super()._read_only_defaults() if has_some else {}

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, Mapping):
            return super().to_internal_value(data)  # raises: not an object
        refused = self._refused(data)
        sent = {name: data[name] for name in data if name not in refused}
        self._sent = sent
        try:
            value = super().to_internal_value(sent)
        except ValidationError as error:
            raise ValidationError({**cast(dict[str, Any], error.detail), **refused}) from None
        finally:
            self._sent = None
        if refused:
            raise ValidationError(refused)
        return value

    def _refused(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """What is wrong with unknown and read-only fields, and with types, by name. Raises StaleVersion."""
        found: dict[str, Any] = {}
        read_only: dict[str, Any] = {}
        fields, types = _fields_of(type(self)), _types_of(type(self))
        for name, value in data.items():
            field = fields.get(name)
            if field is None or isinstance(field, serializers.HiddenField):
                found[name] = [unknown_field(self._written)]
            elif field.read_only:
                read_only[name] = value
            elif problem := _type_problem(types[name], value):
                found[name] = problem
        return (found | read_only_errors(self, read_only)) if read_only else found

    @cached_property
    def _written(self) -> list[str]:
        """The names of the fields that a client may write."""
        return [
            name
            for name, field in _fields_of(type(self)).items()
            if not (field.read_only or isinstance(field, serializers.HiddenField))
        ]


@cache
def _fields_of(serializer_class: type[StrictSerializer]) -> Mapping[str, Any]:
    serializer = serializer_class()
    fields = BindingDict(serializer)
    for name, field in serializer.get_fields().items():
        fields[name] = field
    return fields


class _BoundFields(Mapping[str, Any]):
    """The fields of a class for one serializer: each is copied when it is first asked for."""

    def __init__(self, shared: Mapping[str, Any], parent: StrictSerializer) -> None:
        self._shared, self._parent = shared, parent
        self._copied: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        return self.of([name])[0]

    def of(self, names: Sequence[str]) -> list[Any]:
        """The fields of these names, in their order. Raises KeyError."""
        new = {name: self._shared[name] for name in names if name not in self._copied}
        self._copied |= _copies(new, self._parent)
        return [self._copied[name] for name in names]

    def __iter__(self) -> Iterator[str]:
        return iter(self._shared)

    def __len__(self) -> int:
        return len(self._shared)


def _copies(fields: Mapping[str, Any], parent: Any) -> dict[str, Any]:
    """These fields with the fields inside them, bound to another serializer or field."""
    copies = {name: copy(field) for name, field in fields.items()}
    for field in copies.values():
        own = vars(field)
        own["parent"] = parent
        own.pop("fields", None)  # a nested serializer makes its own
        if inner := {name: own[name] for name in ("child", "child_relation") if name in own}:
            own.update(_copies(inner, field))
    return copies


@cache
def _expected_of(serializer_class: type[StrictSerializer]) -> Collection[str]:
    """The fields that count even if a body does not name them: required, or with a default."""
    return [
        name
        for name, field in _fields_of(serializer_class).items()
        if field.required or field.default is not empty
    ]


def unknown_field(allowed: Sequence[str]) -> ErrorDetail:
    """The error of a field that is not one of these."""
    right = f"Allowed: {', '.join(allowed)}." if allowed else "None is allowed here."
    return ErrorDetail(f"Unknown field. {right}", "unknown_field")


def by_field(error: DjangoValidationError) -> ValidationError:
    """The error of a model's check, which has a list for each field, as an answer (400)."""
    return ValidationError(
        {name: get_error_detail(DjangoValidationError(errors)) for name, errors in error.error_dict.items()}
    )


_AnyField = serializers.Field[Any, Any, Any, Any]


class _Type(NamedTuple):
    """A type of JSON values, by its name in an error; `items` is that of what a list or an object has."""

    name: str
    fits: Callable[[Any], bool]
    items: "_Type | None" = None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


ANY = _Type("any value", lambda _value: True)
ARRAY = _Type("an array", lambda value: isinstance(value, list))
INTEGER = _Type("an integer", lambda value: _is_number(value) and value % 1 == 0)
NUMBER = _Type("a number", _is_number)
OBJECT = _Type("an object", lambda value: isinstance(value, dict))
STRING = _Type("a string", lambda value: isinstance(value, str))
TRUTH = _Type("true or false", lambda value: isinstance(value, bool))

# The first that matches; anything else (dates, UUIDs, addresses ...) is a string.
_BY_CLASS: list[tuple[tuple[type, ...], _Type]] = [
    ((serializers.JSONField,), ANY),
    ((serializers.BooleanField,), TRUTH),
    ((serializers.IntegerField,), INTEGER),
    ((serializers.FloatField,), NUMBER),
    ((serializers.ListField, serializers.ListSerializer, ManyRelatedField), ARRAY),
    ((serializers.MultipleChoiceField,), ARRAY),
    ((serializers.DictField, serializers.BaseSerializer), OBJECT),
]


def _type_problem(kind: _Type, value: Any) -> Any:
    """What is wrong with the type of this value, in the form of DRF's errors; None if it is right.

    Null is not checked here: the field itself does that (`allow_null`).
    """
    if value is None:
        return None
    if not kind.fits(value):
        return [ErrorDetail(f"This must be {kind.name}, not {_name_of(value)}.", "invalid")]
    if kind.items is None:
        return None
    items = value.items() if isinstance(value, dict) else enumerate(value)
    return {key: problem for key, item in items if (problem := _type_problem(kind.items, item))} or None


@cache
def _types_of(serializer_class: type[StrictSerializer]) -> Mapping[str, _Type]:
    """The types of the fields that a client may write."""
    fields = _fields_of(serializer_class).items()
    return {name: _type_with_items(field) for name, field in fields if not field.read_only}


def _type_with_items(field: _AnyField) -> _Type:
    child = getattr(field, "child", None) or getattr(field, "child_relation", None)
    if child is None or isinstance(child, serializers.BaseSerializer):
        return _type_of(field)  # a serializer checks its own fields
    return _type_of(field)._replace(items=_type_with_items(child))


def _type_of(field: _AnyField) -> _Type:
    if isinstance(field, serializers.PrimaryKeyRelatedField):
        return INTEGER if _has_number_for_key(field) else STRING
    if isinstance(field, serializers.ChoiceField) and not isinstance(field, serializers.MultipleChoiceField):
        return INTEGER if all(isinstance(choice, int) for choice in field.choices) else STRING
    return next((kind for classes, kind in _BY_CLASS if isinstance(field, classes)), STRING)


def _has_number_for_key(field: Any) -> bool:
    if field.pk_field is not None:
        return isinstance(field.pk_field, serializers.IntegerField)
    # Not get_queryset(), which may depend on the request.
    return isinstance(field.queryset.model._meta.pk, models.IntegerField)


def _name_of(value: Any) -> str:
    kinds = (TRUTH, NUMBER, STRING, ARRAY, OBJECT)
    return next(kind.name for kind in kinds if kind.fits(value))
