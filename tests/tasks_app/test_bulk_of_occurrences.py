"""Skip, reopen and restore in bulk: as the routes do, with the same few statements for many."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from accounts_app.models import User
from events_app.brokers import InProcessBroker
from events_app.relay import relay_batch
from tasks_app.models import OPEN, Task
from tasks_app.services import create_task

pytestmark = pytest.mark.django_db
MONDAY = datetime(2026, 3, 23, 9, tzinfo=UTC)


@pytest.fixture(autouse=True)
def early_on_monday():
    with time_machine.travel(MONDAY - timedelta(hours=2), tick=False) as traveller:
        yield traveller


@pytest.fixture
def client(charlie: User, client_of: Callable[[User], APIClient]) -> APIClient:
    return client_of(charlie)


@pytest.fixture
def task(charlie: User) -> Task:
    return series_of(charlie)


def series_of(user: User) -> Task:
    return create_task(user, title="water the plants", due_at=MONDAY, recurrence_rule="daily")


def relay() -> None:
    while relay_batch(InProcessBroker()):
        pass


def bulk(client: APIClient, *operations: tuple[str, int], atomic: bool = True) -> list[dict[str, Any]]:
    body = {"operations": [{"op": op, "id": pk} for op, pk in operations], "atomic": atomic}
    answer = client.post("/api/tasks/bulk", body)
    assert answer.status_code == 200, answer.content
    relay()
    return answer.json()["results"]


def open_ones() -> set[int]:
    return set(Task.objects.filter(OPEN).values_list("pk", flat=True))


def test_skip_and_restore(client: APIClient, task: Task) -> None:
    assert bulk(client, ("skip", task.pk)) == [{"status": 200, "id": task.pk}]
    child = Task.objects.get(generated_from=task)
    assert open_ones() == {child.pk}
    bulk(client, ("restore", task.pk))
    assert open_ones() == {task.pk}
    bulk(client, ("skip", task.pk))
    assert open_ones() == {child.pk}


def test_complete_and_reopen(client: APIClient, task: Task) -> None:
    bulk(client, ("complete", task.pk))
    child = Task.objects.get(generated_from=task)
    bulk(client, ("reopen", task.pk))
    assert open_ones() == {task.pk}
    bulk(client, ("complete", task.pk))
    assert open_ones() == {child.pk}


def test_what_is_undone_in_the_same_bulk_never_was(client: APIClient, task: Task) -> None:
    bulk(client, ("skip", task.pk), ("restore", task.pk), ("complete", task.pk), ("reopen", task.pk))
    assert open_ones() == {task.pk}
    bulk(client, ("skip", task.pk))
    child = Task.objects.get(generated_from=task)
    bulk(client, ("restore", task.pk), ("skip", task.pk))
    assert open_ones() == {child.pk}
    bulk(client, ("restore", task.pk), ("delete", task.pk))
    assert open_ones() == set()
    assert Task.objects.get(pk=task.pk).slot_state == "deleted"


def test_both_of_one_series(client: APIClient, task: Task) -> None:
    bulk(client, ("complete", task.pk))
    child = Task.objects.get(generated_from=task)
    client.patch(f"/api/tasks/{child.pk}", {"title": "touched"})
    bulk(client, ("reopen", task.pk))
    assert open_ones() == {task.pk, child.pk}
    bulk(client, ("skip", child.pk), ("skip", task.pk))
    assert open_ones() == {Task.objects.get(generated_from=child).pk}


def test_one_that_begins_a_series_leaves_the_other_as_the_last_of_its_own(
    client: APIClient, task: Task
) -> None:
    bulk(client, ("complete", task.pk))
    child = Task.objects.get(generated_from=task)
    client.patch(f"/api/tasks/{child.pk}", {"title": "touched"})
    bulk(client, ("reopen", task.pk))
    data = {"recurrence_rule": "weekly", "due_at": "2026-03-25T09:00:00Z"}
    operation = {"op": "update", "id": task.pk, "data": data}
    assert client.post("/api/tasks/bulk", {"operations": [operation]}).status_code == 200
    child.refresh_from_db()
    assert child.recurrence_end == child.occurrence_at


def test_what_cannot_be_skipped(client: APIClient, task: Task, charlie: User) -> None:
    once = create_task(charlie, title="once")
    bulk(client, ("complete", task.pk))
    child = Task.objects.get(generated_from=task)
    done, plain, skipped = bulk(
        client, ("skip", task.pk), ("skip", once.pk), ("skip", child.pk), atomic=False
    )
    assert [result["error"]["errors"][0]["code"] for result in (done, plain)] == [
        "completed",
        "not_recurring",
    ]
    assert (done["status"], skipped["status"]) == (409, 200)


def test_skipped_twice_in_one_bulk(client: APIClient, task: Task) -> None:
    """The first is not written yet, and is no other open occurrence."""
    _, again = bulk(client, ("skip", task.pk), ("skip", task.pk), atomic=False)
    assert [error["code"] for error in again["error"]["errors"]] == ["in_trash"]
    assert "open occurrence" not in again["error"]["errors"][0]["detail"]


def test_statements_do_not_grow(client: APIClient, charlie: User) -> None:
    def statements(number: int) -> int:
        tasks = [series_of(charlie) for _ in range(number)]
        relay()
        operations = [{"op": "skip", "id": task.pk} for task in tasks]
        with CaptureQueriesContext(connection) as queries:
            assert client.post("/api/tasks/bulk", {"operations": operations}).status_code == 200
        return len(queries)

    assert statements(40) == statements(2)
