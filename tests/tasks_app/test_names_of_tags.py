# ruff: noqa: RUF001 - what people type
"""Forms of a name are one tag, and a name has nothing that no one sees."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from accounts_app.models import User
from tasks_app.lookup import tags_named
from tasks_app.models import Tag

pytestmark = pytest.mark.django_db


@pytest.fixture
def client(alice: User, client_of: Callable[[User], APIClient]) -> APIClient:
    return client_of(alice)


def codes(response: Any) -> list[tuple[str, str]]:
    assert response.status_code == 400, response.content
    return [(error["attr"], error["code"]) for error in response.json()["errors"]]


@pytest.mark.parametrize(
    ("written", "other"),
    [
        ("Home", "home"),
        ("Café", "Cafe\u0301"),
        ("Straße", "STRASSE"),
        ("two  words", "Two words"),
        ("\u2764\ufe0f", "\u2764"),
    ],
)
def test_by_name(client: APIClient, alice: User, written: str, other: str) -> None:
    tag = client.post("/api/tags", {"name": written}).json()
    assert tag["name"] == written
    assert codes(client.post("/api/tags", {"name": other})) == [("name", "unique")]
    task = client.post("/api/tasks", {"title": "milk", "tags": [other, written]}).json()
    assert task["tag_ids"] == [tag["id"]]
    assert Tag.objects.get().name == written


def test_new_ones_in_one_request(client: APIClient, bob: User) -> None:
    Tag.objects.create(user=bob, name="home")
    task = client.post("/api/tasks", {"title": "milk", "tags": ["Home", "garden", "HOME"]}).json()
    assert len(task["tag_ids"]) == 2
    assert set(Tag.objects.exclude(user=bob).values_list("name", flat=True)) == {"Home", "garden"}


def test_its_own_form_may_change(client: APIClient, alice: User) -> None:
    tag = Tag.objects.create(user=alice, name="home")
    assert client.patch(f"/api/tags/{tag.pk}", {"name": "Home"}).status_code == 200
    assert tags_named(alice, ["HOME"]) == {"HOME": tag.pk}


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("home\u200b", "hidden_character"),
        ("ho\u0007me", "hidden_character"),
        ("\u202ehome", "hidden_character"),
        ("ho\u00adme", "hidden_character"),
        ("\u3164", "hidden_character"),
        ("\u200d", "blank"),
    ],
)
def test_nothing_that_no_one_sees(client: APIClient, name: str, code: str) -> None:
    assert codes(client.post("/api/tags", {"name": name})) == [("name", code)]
    assert codes(client.post("/api/tasks", {"title": "x", "tags": [name]})) == [("tags.0", code)]


@pytest.mark.parametrize(
    "name", ["می\u200cخواهم", "👨\u200d👩\u200d👧", "❤\ufe0f", "今日\u3000は", "a\u00a0b"]
)
def test_what_scripts_and_emoji_need_stays(client: APIClient, name: str) -> None:
    assert client.post("/api/tags", {"name": name}).json()["name"] == name


def test_the_admin_refuses_another_form(operator: Client, alice: User) -> None:
    Tag.objects.create(user=alice, name="Home")
    page = {"user": alice.pk, "name": "home", "color": "#6B7280"}
    response = operator.post("/admin/tasks_app/tag/add/", page)
    assert "You already have a tag with this name." in response.content.decode()
