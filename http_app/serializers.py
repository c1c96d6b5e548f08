"""Strict input: known fields only, and each value of the JSON type that the document says.

DRF drops unknown fields and turns one type into another: a client's mistake becomes data. Numbers count as in
JSON Schema: 1.0 is the integer 1.
"""

from collections.abc import Callable, Mapping
from functools import cache, cached_property
from typing import Any, NoReturn, cast

from django.db import models
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.relations import ManyRelatedField
from rest_framework.utils.serializer_helpers import BindingDict


class OneOfField(serializers.ChoiceField):
    """A choice whose refusal names the choices."""

    default_error_messages = {"invalid_choice": "Write one of {choices}."}

    def fail(self, key: str, **values: Any) -> NoReturn:
        super().fail(key, choices=", ".join(map(str, self.choices)), **values)


class StrictSerializer(serializers.Serializer[Any]):
    # Mixed in before a serializer: refuses what it would otherwise drop without a word. A field it does not
    # know (code `unknown_field`) or only answers with (`read_only`), or a value of another JSON type than the
    # document says (`invalid`) is named in the 400, beside whatever else is wrong with the input. A nested
    # serializer is strict when it has the mixin too. (No docstring: the OpenAPI document would give it to
    # every schema.)

    serializer_choice_field: Any = OneOfField  # for a ModelSerializer's own fields

    @cached_property
    def fields(self) -> dict[str, Any]:  # type: ignore[override] # DRF's is a BindingDict
        # Copies of the class's own. DRF makes all of them anew for each serializer: a tenth of a request.
        return {name: _copied(field, self) for name, field in _fields_of(type(self)).items()}

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, Mapping):
            return super().to_internal_value(data)  # raises: this is no object
        refused = self._refused(data)
        try:
            value = super().to_internal_value({name: data[name] for name in data if name not in refused})
        except ValidationError as error:
            raise ValidationError({**cast(dict[str, Any], error.detail), **refused}) from None
        if refused:
            raise ValidationError(refused)
        return value

    def _refused(self, data: Mapping[str, Any]) -> dict[str, Any]:
        problems = {name: self._problem(name, value) for name, value in data.items()}
        return {name: problem for name, problem in problems.items() if problem}

    def _problem(self, name: str, value: Any) -> Any:
        field = self.fields.get(name)
        if field is None or isinstance(field, serializers.HiddenField):
            names = [key for key, known in self.fields.items() if not self._is_ours(known)]
            known = f"Known here: {', '.join(names)}." if names else "None is known here."
            return [ErrorDetail(f"There is no such field. {known}", "unknown_field")]
        if field.read_only:
            return [ErrorDetail("This field is answered, never taken; leave it out.", "read_only")]
        return type_problem(field, value)

    @staticmethod
    def _is_ours(field: "serializers.Field[Any, Any, Any, Any]") -> bool:
        return field.read_only or isinstance(field, serializers.HiddenField)


@cache
def _fields_of(serializer_class: type[StrictSerializer]) -> Mapping[str, Any]:
    serializer = serializer_class()
    fields = BindingDict(serializer)
    for name, field in serializer.get_fields().items():
        fields[name] = field
    return fields


def _copied(field: Any, parent: Any) -> Any:
    """A field as it is, for another serializer, with whatever it has inside."""
    copied = object.__new__(type(field))  # copy() takes eight times as long
    copied.__dict__.update(field.__dict__)
    copied.parent = parent
    copied.__dict__.pop("fields", None)  # a serializer's own come by themselves
    for inner in ("child", "child_relation"):
        if inner in copied.__dict__:
            setattr(copied, inner, _copied(getattr(field, inner), copied))
    return copied


_AnyField = serializers.Field[Any, Any, Any, Any]
_Type = tuple[str, Callable[[Any], bool]]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


ANY: _Type = ("any value", lambda _value: True)
ARRAY: _Type = ("an array", lambda value: isinstance(value, list))
INTEGER: _Type = ("an integer", lambda value: _is_number(value) and value % 1 == 0)
NUMBER: _Type = ("a number", _is_number)
OBJECT: _Type = ("an object", lambda value: isinstance(value, dict))
STRING: _Type = ("a string", lambda value: isinstance(value, str))
TRUTH: _Type = ("true or false", lambda value: isinstance(value, bool))

# The first that fits; what is none of these (dates, UUIDs, addresses ...) is written as a string.
_BY_CLASS: list[tuple[tuple[type, ...], _Type]] = [
    ((serializers.JSONField,), ANY),
    ((serializers.BooleanField,), TRUTH),
    ((serializers.IntegerField,), INTEGER),
    ((serializers.FloatField,), NUMBER),
    ((serializers.ListField, serializers.ListSerializer, ManyRelatedField), ARRAY),
    ((serializers.MultipleChoiceField,), ARRAY),
    ((serializers.DictField, serializers.BaseSerializer), OBJECT),
]


def type_problem(field: _AnyField, value: Any) -> Any:
    """What is wrong with the type of this value, in the form of DRF's errors; None when nothing is.

    Null is the field's own question (`allow_null`).
    """
    if value is None:
        return None
    right, fits = _type_of(field)
    if not fits(value):
        return [ErrorDetail(f"This must be {right}, not {_name_of(value)}.", "invalid")]
    child = getattr(field, "child", None) or getattr(field, "child_relation", None)
    if child is None or isinstance(child, serializers.BaseSerializer):
        return None  # a serializer looks at its own fields
    items = value.items() if isinstance(value, dict) else enumerate(value)
    return {key: problem for key, item in items if (problem := type_problem(child, item))} or None


def _type_of(field: _AnyField) -> _Type:
    if isinstance(field, serializers.PrimaryKeyRelatedField):
        return INTEGER if _has_number_for_key(field) else STRING
    if isinstance(field, serializers.ChoiceField) and not isinstance(field, serializers.MultipleChoiceField):
        return INTEGER if all(isinstance(choice, int) for choice in field.choices) else STRING
    return next((kind for classes, kind in _BY_CLASS if isinstance(field, classes)), STRING)


def _has_number_for_key(field: "serializers.PrimaryKeyRelatedField[Any]") -> bool:
    if field.pk_field is not None:
        return isinstance(field.pk_field, serializers.IntegerField)
    queryset = field.get_queryset()
    assert queryset is not None
    return isinstance(queryset.model._meta.pk, models.IntegerField)


def _name_of(value: Any) -> str:
    kinds = (TRUTH, NUMBER, STRING, ARRAY, OBJECT)
    return next(name for name, fits in kinds if fits(value))
