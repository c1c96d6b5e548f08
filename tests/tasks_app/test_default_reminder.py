"""The user's default_reminder_offset: a task that gets its first due date and names no reminder has it."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine
from rest_framework.test import APIClient

from accounts_app.models import User
from events_app.brokers import InProcessBroker
from events_app.relay import relay_batch
from recurring_app.generation import generate_due
from recurring_app.models import RecurringTask
from tasks_app.models import Task

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
DUE, LATER = "2026-05-02T12:00:00Z", "2026-05-03T12:00:00Z"
DUE_DATE = "2026-05-04"
OFFSET = 30


@pytest.fixture(autouse=True)
def frozen():
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def client(alice: User, client_of: Callable[[User], APIClient]) -> APIClient:
    alice.default_reminder_offset = OFFSET
    alice.save()
    return client_of(alice)


def create(client: APIClient, **fields: Any) -> dict[str, Any]:
    response = client.post("/api/tasks", {"title": "call the bank"} | fields)
    assert response.status_code == 201, response.content
    return dict(response.json())


def change(client: APIClient, task: dict[str, Any], method: str = "patch", **fields: Any) -> dict[str, Any]:
    response = getattr(client, method)(f"/api/tasks/{task['id']}", fields)
    assert response.status_code == 200, response.content
    return dict(response.json())


@pytest.mark.parametrize(
    ("body", "offsets"),
    [
        ({"due_at": DUE}, [OFFSET]),
        ({"due_date": DUE_DATE}, [OFFSET]),
        ({"due_at": DUE, "recurrence_rule": "daily"}, [OFFSET]),
        ({"due_at": DUE, "external_id": "elsewhere:7"}, [OFFSET]),
        ({"due_at": DUE, "reminder_offsets": []}, []),
        ({"due_at": DUE, "reminder_offsets": [5]}, [5]),
        ({"due_at": DUE, "reminder_at": "2026-05-02T09:00:00Z"}, []),
        ({"due_at": DUE, "reminder_at": None}, []),
        ({"due_at": None}, []),
        ({}, []),
        ({"due_at": DUE, "created_at": "2026-04-01T12:00:00Z"}, []),
        ({"due_at": DUE, "completed": True}, []),
    ],
)
class TestANewTask:
    def test_alone(self, client: APIClient, body: dict[str, Any], offsets: list[int]) -> None:
        assert create(client, **body)["reminder_offsets"] == offsets

    def test_in_a_bulk(self, client: APIClient, body: dict[str, Any], offsets: list[int]) -> None:
        operation = {"op": "create", "data": {"title": "call the bank"} | body}
        assert client.post("/api/tasks/bulk", {"operations": [operation]}).status_code == 200
        assert Task.objects.get().reminder_offsets == offsets


@pytest.mark.parametrize(
    ("before", "body", "offsets"),
    [
        ({}, {"due_at": DUE}, [OFFSET]),
        ({}, {"due_date": DUE_DATE}, [OFFSET]),
        ({}, {"due_at": DUE, "reminder_offsets": []}, []),
        ({}, {"title": "call them"}, []),
        ({"reminder_at": "2026-05-02T09:00:00Z"}, {"due_at": DUE}, []),
        ({"due_at": DUE, "reminder_offsets": []}, {"due_at": LATER}, []),
        ({"due_at": DUE, "reminder_offsets": []}, {"due_date": DUE_DATE}, []),
        ({"due_at": DUE, "reminder_offsets": [5]}, {"due_at": LATER}, [5]),
    ],
)
def test_a_task_that_changes(
    client: APIClient, before: dict[str, Any], body: dict[str, Any], offsets: list[int]
) -> None:
    task = create(client, **before)
    assert change(client, task, **body)["reminder_offsets"] == offsets


def test_a_put_names_no_reminder_either(client: APIClient) -> None:
    task = create(client, reminder_at="2026-05-02T09:00:00Z")
    put = change(client, task, "put", title="call the bank", due_at=DUE)
    assert (put["reminder_at"], put["reminder_offsets"]) == (None, [OFFSET])


def test_what_was_read_can_be_sent_back(client: APIClient) -> None:
    task = create(client, due_at=DUE, reminder_offsets=[])
    assert change(client, task, "put", **task)["reminder_offsets"] == []


def test_the_day_of_an_all_day_task_starts_for_it(client: APIClient) -> None:
    """Alice's day starts at 9:00 in Berlin."""
    task = Task.objects.get(pk=create(client, due_date=DUE_DATE)["id"])
    assert task.next_reminder_at == datetime(2026, 5, 4, 6, 30, tzinfo=UTC)


def test_one_that_would_have_rung_by_now_does_not_ring(client: APIClient) -> None:
    task = create(client, due_at="2026-05-01T12:10:00Z")
    assert task["reminder_offsets"] == [OFFSET]
    assert Task.objects.get().next_reminder_at is None


def test_an_import_again_has_none(client: APIClient) -> None:
    data = {"title": "old", "external_id": "a", "created_at": "2026-04-01T12:00:00Z"}
    for more in ({}, {"due_at": DUE}):
        operation = {"op": "create", "data": data | more}
        assert client.post("/api/tasks/bulk", {"operations": [operation]}).status_code == 200
    task = Task.objects.get()
    assert (task.due_at is not None, task.reminder_offsets) == (True, [])


def test_in_one_bulk_the_update_of_a_new_task(client: APIClient) -> None:
    task = create(client)
    operations = [
        {"op": "update", "id": task["id"], "data": {"title": "call them"}},
        {"op": "update", "id": task["id"], "data": {"due_at": DUE}},
    ]
    assert client.post("/api/tasks/bulk", {"operations": operations}).status_code == 200
    assert Task.objects.get().reminder_offsets == [OFFSET]


def test_a_new_default_changes_no_task(client: APIClient) -> None:
    task = create(client, due_at=DUE)
    client.patch("/api/me", {"default_reminder_offset": 5})
    assert client.get(f"/api/tasks/{task['id']}").json() == task
    assert create(client, due_at=DUE)["reminder_offsets"] == [5]


def test_each_user_has_their_own(
    client: APIClient, bob: User, client_of: Callable[[User], APIClient]
) -> None:
    assert create(client_of(bob), due_at=DUE)["reminder_offsets"] == []


def test_the_next_occurrence_has_what_the_one_before_had(client: APIClient) -> None:
    task = create(client, due_at=DUE, recurrence_rule="daily", reminder_offsets=[])
    assert client.post(f"/api/tasks/{task['id']}/complete").status_code == 200
    while relay_batch(InProcessBroker()):
        pass
    assert Task.objects.get(generated_from=task["id"]).reminder_offsets == []


def test_what_a_template_makes_has_none(
    client: APIClient, alice: User, frozen: time_machine.Traveller
) -> None:
    body = {
        "template_title": "stand-up",
        "recurrence_pattern": "daily",
        "starts_at": "2026-05-02T09:00:00",
        "due_after_minutes": 60,
    }
    assert client.post("/api/recurring-tasks", body).status_code == 201
    frozen.move_to("2026-05-02T08:00:00Z")
    assert RecurringTask.objects.count() == 1
    generate_due()
    task = Task.objects.get()
    assert (task.due_at is not None, task.reminder_offsets) == (True, [])
