"""Answers are byte for byte those of REST framework's own renderer."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from django.utils.translation import gettext_lazy
from rest_framework.exceptions import ErrorDetail
from rest_framework.renderers import JSONRenderer as FrameworkRenderer
from rest_framework.utils.serializer_helpers import ReturnDict, ReturnList

from http_app.json_bodies import JSONRenderer


@pytest.mark.parametrize(
    "data",
    [
        None,
        {},
        {"title": "Blumen gießen 🌱", "tags": ["a", 'quo"te', "back\\slash"], "done": False, "due": None},
        {"text": "line\u2028paragraph\u2029\x00\x1f\x7f\n\t"},
        {"number": 2**53, "larger": 2**63, "negative": -(2**63), "real": 1.5, "whole": 2.0},
        {"beyond 64 bits": 2**64, "negative": -(2**70)},
        {1: "a number", None: "nothing", False: "a falsehood"},
        {"at": datetime(2026, 5, 1, 12, 0, 0, 123456, tzinfo=UTC), "day": date(2026, 5, 1)},
        {"id": UUID(int=7), "price": Decimal("1.10"), "wait": timedelta(minutes=1), "raw": b"bytes"},
        {"detail": ErrorDetail("wrong", "invalid"), "lazy": gettext_lazy("Not found.")},
        ReturnDict({"results": ReturnList([{"a": (1, 2)}], serializer=None)}, serializer=None),
    ],
)
def test_byte_for_byte(data: Any) -> None:
    assert JSONRenderer().render(data) == FrameworkRenderer().render(data)


def test_indented_on_request() -> None:
    media_type = "application/json; indent=4"
    data = {"title": "water", "tags": ["home"]}
    assert JSONRenderer().render(data, media_type) == FrameworkRenderer().render(data, media_type)
    assert b"\n    " in JSONRenderer().render(data, media_type)
