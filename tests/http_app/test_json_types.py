"""A value in a body must have the JSON type that the document says; no type is converted."""

from typing import Any

import pytest
from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from http_app.serializers import StrictSerializer
from tasks_app.models import Priority

pytestmark = pytest.mark.django_db


class Inner(StrictSerializer):
    text = serializers.CharField()


class EveryKind(StrictSerializer):
    text = serializers.CharField(allow_null=True)
    email = serializers.EmailField()
    url = serializers.URLField()
    uuid = serializers.UUIDField()
    truth = serializers.BooleanField(allow_null=True)
    integer = serializers.IntegerField()
    number = serializers.FloatField()
    instant = serializers.DateTimeField()
    day = serializers.DateField()
    clock = serializers.TimeField()
    word = serializers.ChoiceField(["1", "2"])
    level = serializers.ChoiceField([1, 2])
    words = serializers.MultipleChoiceField(choices=["1", "2"])
    integers = serializers.ListField(child=serializers.IntegerField())
    texts = serializers.DictField(child=serializers.CharField())
    row = serializers.PrimaryKeyRelatedField(queryset=Priority.objects.all())
    rows = serializers.PrimaryKeyRelatedField(queryset=Priority.objects.all(), many=True)
    inner = Inner()
    inners = Inner(many=True)
    anything = serializers.JSONField()


RIGHT: dict[str, list[Any]] = {
    "text": ["text", None],
    "email": ["a@example.test"],
    "url": ["https://example.test/"],
    "uuid": ["b1fd3ab6-4a3e-4d5f-9b59-7d3e44a5a1e1"],
    "truth": [True, False, None],
    "integer": [5, 0, -5, 1.0],
    "number": [5, 0.5],
    "instant": ["2026-05-01T09:00:00Z"],
    "day": ["2026-05-01"],
    "clock": ["09:00"],
    "word": ["1"],
    "level": [1],
    "words": [["1"], []],
    "integers": [[1, 2], []],
    "texts": [{"a": "b"}, {}],
    "row": [1],
    "rows": [[1, 2], []],
    "inner": [{"text": "x"}],
    "inners": [[{"text": "x"}], []],
    "anything": [1, "x", [], {}, True],
}
VALUES: list[Any] = [
    *(True, False, 1, 0, 1.0, 1.5, 1e300, 10**4000, "", "1", "true", "1.0", "null", "text"),
    *([], [1], [True], ["1"], [1.5], [[1]], [None], {}, {"a": 1}, {"a": "b"}, {"0": "1"}),
]


def codes(field: str, value: Any) -> Any:
    serializer = EveryKind(data={field: value}, partial=True)
    return None if serializer.is_valid() else ValidationError(serializer.errors).get_codes()


def test_every_field_has_its_values() -> None:
    assert set(RIGHT) == set(EveryKind().fields)


@pytest.mark.parametrize(("field", "value"), [(field, value) for field in RIGHT for value in RIGHT[field]])
def test_the_right_type_passes(field: str, value: Any) -> None:
    assert codes(field, value) is None


WRONG = {
    "integer": [True, "1", "", 1.5, "1.0", [1], {"a": 1}],
    "number": [True, "1", "1.5", [1]],
    "text": [True, 1, 1.5, [], {}],
    "email": [1],
    "url": [1],
    "uuid": [1, 10**4000, True],
    "truth": ["true", "1", 1, 0, 1.0, "", "null", []],
    "instant": [1, True, []],
    "day": [20260501, True],
    "clock": [9, True],
    "word": [1, True, 1.0, []],
    "level": ["1", True, 1.5],
    "words": ["1", {"1": "1"}, 1],
    "integers": [1, "1", {"0": 1}, True],
    "texts": [[], "a", 1],
    "row": ["1", True, 1.5, [1], {"id": 1}],
    "rows": [1, "1", {"0": 1}],
    "inner": [1, "x", [], True],
    "inners": [{"text": "x"}, "x", 1],
}


@pytest.mark.parametrize(("field", "value"), [(field, value) for field in WRONG for value in WRONG[field]])
def test_another_type_is_refused(field: str, value: Any) -> None:
    assert codes(field, value) == {field: ["invalid"]}


@pytest.mark.parametrize(
    ("field", "value", "where"),
    [
        ("integers", [1, "2", 3, True], [1, 3]),
        ("texts", {"a": "b", "c": 1}, ["c"]),
        ("rows", [1, "2"], [1]),
    ],
)
def test_the_place_inside_is_named(field: str, value: Any, where: list[Any]) -> None:
    assert codes(field, value) == {field: {place: ["invalid"] for place in where}}


@pytest.mark.parametrize("field", RIGHT)
@pytest.mark.parametrize("value", VALUES, ids=lambda value: repr(value)[:12])
def test_nothing_breaks(field: str, value: Any) -> None:
    codes(field, value)


def test_the_message_says_both() -> None:
    serializer = EveryKind(data={"truth": "yes", "integer": "5", "texts": []}, partial=True)
    assert not serializer.is_valid()
    assert serializer.errors == {
        "truth": ["This must be true or false, not a string."],
        "integer": ["This must be an integer, not a string."],
        "texts": ["This must be an object, not an array."],
    }


def test_a_missing_field_is_not_a_wrong_type() -> None:
    serializer = Inner(data={})
    assert not serializer.is_valid()
    assert ValidationError(serializer.errors).get_codes() == {"text": ["required"]}
