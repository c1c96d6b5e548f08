"""How many statements a write takes: they are what a write costs."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from accounts_app.models import User
from tasks_app.models import Tag
from tasks_app.services import create_task

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def client(alice: User, client_of: Callable[[User], APIClient]) -> APIClient:
    return client_of(alice)


def statements(call: Callable[[], Any]) -> list[str]:
    """The first word of each, BEGIN and COMMIT too."""
    with CaptureQueriesContext(connection) as queries:
        assert call().status_code < 300
    return [query["sql"].split()[0] for query in queries]


def test_create(client: APIClient) -> None:
    counting = statements(lambda: client.post("/api/tasks", {"title": "x"}))
    assert counting == ["BEGIN", "SELECT", "WITH", "INSERT", "COMMIT"]  # once in a while: quotas.py
    found = statements(lambda: client.post("/api/tasks", {"title": "x"}))
    assert found == ["BEGIN", "WITH", "INSERT", "COMMIT"]


def test_create_with_tags(client: APIClient, alice: User) -> None:
    tags = [Tag.objects.create(user=alice, name=f"tag {n}").pk for n in range(3)]
    client.post("/api/tasks", {"title": "x"})
    found = statements(lambda: client.post("/api/tasks", {"title": "x", "tag_ids": tags}))
    assert found == ["BEGIN", "SELECT", "WITH", "INSERT", "COMMIT"]


def test_patch_with_tags(client: APIClient, alice: User) -> None:
    tags = [Tag.objects.create(user=alice, name=f"tag {n}") for n in range(3)]
    task = create_task(alice, title="x", tags=tags[:2])
    body = {"title": "y", "tag_ids": [tag.pk for tag in tags[1:]]}
    found = statements(lambda: client.patch(f"/api/tasks/{task.pk}", body))
    assert found == ["BEGIN", "SELECT", "SELECT", "WITH", "UPDATE", "INSERT", "COMMIT"]


def test_patch(client: APIClient, alice: User) -> None:
    task = create_task(alice, title="x")
    found = statements(lambda: client.patch(f"/api/tasks/{task.pk}", {"title": "y"}))
    assert found == ["BEGIN", "SELECT", "UPDATE", "INSERT", "COMMIT"]


def test_complete(client: APIClient, alice: User) -> None:
    task = create_task(alice, title="x")
    found = statements(lambda: client.post(f"/api/tasks/{task.pk}/complete"))
    assert found == ["BEGIN", "SELECT", "UPDATE", "INSERT", "COMMIT"]


def test_get(client: APIClient, alice: User) -> None:
    task = create_task(alice, title="x", tags=[Tag.objects.create(user=alice, name="home")])
    assert statements(lambda: client.get(f"/api/tasks/{task.pk}")) == ["SELECT"]


def test_patch_of_one_occurrence_and_of_all_that_follow(client: APIClient, alice: User) -> None:
    """What follows takes one statement to lock the series, and one to find others that are open."""
    due = datetime(2030, 5, 1, 9, tzinfo=UTC)
    task = create_task(alice, title="x", due_at=due, recurrence_rule="daily")
    body = {"due_at": due + timedelta(hours=1), "apply_to": "this"}
    found = statements(lambda: client.patch(f"/api/tasks/{task.pk}", body))
    assert found == ["BEGIN", "SELECT", "UPDATE", "INSERT", "COMMIT"]
    body |= {"apply_to": "following"}
    found = statements(lambda: client.patch(f"/api/tasks/{task.pk}", body))
    assert found == ["BEGIN", "SELECT", "SELECT", "SELECT", "UPDATE", "INSERT", "COMMIT"]
