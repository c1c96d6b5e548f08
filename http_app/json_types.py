"""A value in a body has the JSON type that the document says: 5 is no title, "true" no truth, "3" no id.

DRF's fields turn one into the other, each in its own way, and a client's mistake becomes data. Numbers are
taken as JSON Schema has them: 1.0 is the integer 1.
"""

from collections.abc import Callable
from typing import Any

from django.db import models
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail
from rest_framework.relations import ManyRelatedField

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
