from typing import Any

import pytest
from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from http_app.serializers import StrictSerializer


class Address(StrictSerializer):
    street = serializers.CharField()
    checked = serializers.BooleanField(read_only=True)


class Person(StrictSerializer):
    id = serializers.IntegerField(read_only=True)
    name = serializers.CharField(max_length=5)
    source = serializers.HiddenField(default="here")
    address = Address(required=False)
    others = Address(many=True, required=False)


def codes(data: Any, **options: Any) -> Any:
    """The errors' codes, in the shape of the input."""
    serializer = Person(data=data, **options)
    return {} if serializer.is_valid() else ValidationError(serializer.errors).get_codes()


def test_known_fields_pass() -> None:
    person = Person(data={"name": "alice", "address": {"street": "x"}, "others": []})
    assert person.is_valid()
    assert person.validated_data["source"] == "here"


def test_an_unknown_field_is_named_with_the_allowed_ones() -> None:
    person = Person(data={"name": "alice", "nam": "bob"})
    assert not person.is_valid()
    assert person.errors == {"nam": ["Unknown field. Allowed: name, address, others."]}
    assert codes({"name": "alice", "nam": "bob"}) == {"nam": ["unknown_field"]}


def test_a_read_only_field_is_refused() -> None:
    assert codes({"name": "alice", "id": 5}) == {"id": ["read_only"]}
    assert codes({"name": "alice", "source": "there"}) == {"source": ["unknown_field"]}


def test_all_errors_are_reported_at_once() -> None:
    assert codes({"name": "charlie", "id": 5, "nam": 1}) == {
        "name": ["max_length"],
        "id": ["read_only"],
        "nam": ["unknown_field"],
    }


def test_nested_fields_too() -> None:
    wrong = {"street": "x", "checked": True, "zip": "1"}
    expected = {"checked": ["read_only"], "zip": ["unknown_field"]}
    assert codes({"name": "alice", "address": wrong}) == {"address": expected}
    assert codes({"name": "alice", "others": [{"street": "x"}, wrong]}) == {"others": {1: expected}}


def test_a_partial_update_is_as_strict() -> None:
    assert codes({"nam": 1}, partial=True) == {"nam": ["unknown_field"]}


@pytest.mark.parametrize("data", [None, [], "text", 5])
def test_an_input_that_is_not_an_object_is_the_serializers_error(data: Any) -> None:
    person = Person(data=data)
    assert not person.is_valid()
    assert set(person.errors) == {"non_field_errors"}
