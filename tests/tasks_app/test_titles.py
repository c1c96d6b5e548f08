# ruff: noqa: RUF001 - what people type
"""A title has something to see and nothing that disturbs what is around it; a description stays as it is."""

from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client
from rest_framework.test import APIClient

from accounts_app.models import User
from tasks_app.models import Task
from tasks_app.services import create_task
from tests.tasks_app.admin_pages import edit

pytestmark = pytest.mark.django_db


@pytest.fixture
def client(alice: User, client_of: Callable[[User], APIClient]) -> APIClient:
    return client_of(alice)


REFUSED = {
    "\u200b": "blank",
    "\u2800": "blank",
    "\u3164 \u3164": "blank",
    "\ufeff": "blank",
    "\u200f\u2067": "blank",
    "\u00ad": "blank",
    "\x1b[31mmilk": "U+001B",
    "milk \u009b2J": "U+009B",
    "milk\u0007": "U+0007",
    "invoice\u202efdp.exe": "U+202E RIGHT-TO-LEFT OVERRIDE",
    "\u202dmilk": "U+202D LEFT-TO-RIGHT OVERRIDE",
}


@pytest.mark.parametrize(("title", "problem"), REFUSED.items())
def test_refused_by_name(client: APIClient, alice: User, title: str, problem: str) -> None:
    task = create_task(alice, title="milk")
    answers = [
        client.post("/api/tasks", {"title": title}),
        client.patch(f"/api/tasks/{task.pk}", {"title": title}),
    ]
    for answer in answers:
        (error,) = answer.json()["errors"]
        assert error["attr"] == "title"
        assert error["code"] == ("blank" if problem == "blank" else "disruptive_character")
        assert problem == "blank" or problem in error["detail"]


@pytest.mark.parametrize(
    "title",
    [
        "שלום \u200fabc\u200e",
        "\u2067سلام\u2069",
        "می\u200cخواهم",
        "👨\u200d👩\u200d👧",
        "a\tb",
        "\u200bmilk",
        "❤\ufe0f",
    ],
)
def test_what_scripts_and_emoji_need_stays(client: APIClient, title: str) -> None:
    assert client.post("/api/tasks", {"title": title}).json()["title"] == title


def test_a_title_from_before_is_checked_when_it_changes(client: APIClient, alice: User) -> None:
    task = create_task(alice, title="milk")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE tasks SET title = %s WHERE id = %s", ["\u202emilk", task.pk])
    url = f"/api/tasks/{task.pk}"
    assert client.patch(url, {"pinned": True}).status_code == 200
    assert client.patch(url, {"pinned": False, "title": "\u202emilk"}).status_code == 200
    assert client.patch(url, {"title": "\u202ebread"}).status_code == 400


def test_the_admin_refuses_it_too(operator: Client, alice: User) -> None:
    task = create_task(alice, title="milk")
    assert "title" in edit(operator, task, title="\u202emilk")
    assert Task.objects.get(pk=task.pk).title == "milk"


@pytest.mark.parametrize("description", ["    indented\n    code\n", "\n", "  ", ""])
def test_a_description_keeps_its_space(client: APIClient, description: str) -> None:
    task = client.post("/api/tasks", {"title": "milk", "description": description}).json()
    assert task["description"] == description
    url = f"/api/tasks/{task['id']}"
    assert client.patch(url, {"description": f" {description}"}).json()["description"] == f" {description}"
