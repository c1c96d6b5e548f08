"""A snoozed task is silent until then, and then it rings."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from rest_framework.test import APIClient

from accounts_app.models import User
from tasks_app.models import Task
from tasks_app.services import create_task, update_task

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def frozen():
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def client(alice: User, client_of) -> APIClient:
    return client_of(alice)


@pytest.fixture
def task(alice: User) -> Task:
    return create_task(alice, title="x", due_at=NOW + 3 * HOUR, reminder_offsets=[60, 120])


def snooze(client: APIClient, task: Task, **body: object):
    return client.post(f"/api/tasks/{task.pk}/snooze", body)


@pytest.mark.parametrize("body", [{"until": "2026-05-01T14:30:00Z"}, {"minutes": 150}])
def test_until_then_nothing_rings(client: APIClient, task: Task, body: dict) -> None:
    assert Task.objects.get().next_reminder_at == NOW + HOUR
    answer = snooze(client, task, **body)
    assert (answer.status_code, answer.json()["snoozed_until"]) == (200, "2026-05-01T14:30:00Z")
    assert Task.objects.get().next_reminder_at == NOW + 2.5 * HOUR


def test_a_task_without_reminders_rings_then_too(client: APIClient, alice: User) -> None:
    task = create_task(alice, title="y")
    snooze(client, task, minutes=10)
    assert Task.objects.get(pk=task.pk).next_reminder_at == NOW + timedelta(minutes=10)


@pytest.mark.parametrize(
    ("body", "attr"),
    [
        ({}, "until"),
        ({"until": "2026-05-01T12:00:00Z"}, "until"),
        ({"until": "2026-05-01T14:30:00"}, "until"),
        ({"until": "2026-05-01T14:30:00Z", "minutes": 5}, "until"),
        ({"minutes": 0}, "minutes"),
        ({"minutes": 10**9}, "minutes"),
        ({"hours": 1}, "hours"),
    ],
)
def test_what_is_wrong_is_named(client: APIClient, task: Task, body: dict, attr: str) -> None:
    answer = snooze(client, task, **body)
    assert answer.status_code == 400
    assert attr in {error["attr"] for error in answer.json()["errors"]}


@pytest.mark.parametrize("state", [{"completed": True}, {"archived": True}, {"deleted_at": NOW}])
def test_what_does_not_ring_is_not_snoozed(client: APIClient, task: Task, state: dict) -> None:
    update_task(task, **state)
    assert snooze(client, task, minutes=5).status_code == 409


def test_another_users_task_is_not_found(client_of, bob: User, task: Task) -> None:
    assert snooze(client_of(bob), task, minutes=5).status_code == 404
