"""A refusal says what would be right."""

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts_app.models import User
from tasks_app.models import Tag

pytestmark = pytest.mark.django_db

ClientOf = Callable[[User], APIClient]


def detail_of(answer: Any) -> str:
    (error,) = answer.json()["errors"]
    return str(error["detail"])


def test_the_choices_are_named(alice: User, client_of: ClientOf) -> None:
    answer = client_of(alice).post("/api/tasks", {"title": "x", "recurrence_mode": "weekly"})
    assert detail_of(answer) == "Write one of fixed, after_completion."
    answer = client_of(alice).post("/api/tasks/bulk", {"operations": [{"op": "undo"}]})
    assert detail_of(answer) == "Write one of create, update, complete, reopen, delete, restore, skip."


def test_a_tag_that_is_not_hers_to_merge_into(alice: User, client_of: ClientOf) -> None:
    tag = Tag.objects.create(user=alice, name="home")
    answer = client_of(alice).post(f"/api/tags/{tag.pk}/merge", {"into": 999_999})
    assert detail_of(answer) == "You have no tag with the id 999999."
