"""Skip and stop: one occurrence is left out; a series ends with one."""

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
from tasks_app.models import SeriesSlot, Task
from tasks_app.services import complete_task, create_task, trash_task
from tests.tasks_app.recorded import recorded

pytestmark = pytest.mark.django_db
MONDAY = datetime(2026, 3, 23, 9, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def early_on_monday():
    with time_machine.travel(MONDAY - timedelta(hours=2), tick=False) as traveller:
        yield traveller


@pytest.fixture
def client(charlie: User, client_of: Callable[[User], APIClient]) -> APIClient:
    return client_of(charlie)


@pytest.fixture
def task(charlie: User) -> Task:
    task = create_task(charlie, title="water the plants", due_at=MONDAY, recurrence_rule="daily")
    relay()  # its events are on their way: a later change in the transaction of this test is another
    return task


def relay() -> None:
    while relay_batch(InProcessBroker()):
        pass


def post(client: APIClient, pk: int, action: str) -> dict[str, Any]:
    answer = client.post(f"/api/tasks/{pk}/{action}")
    assert answer.status_code == 200, answer.content
    relay()
    return answer.json()


def conflict(client: APIClient, task: Task, action: str) -> tuple[str, str]:
    answer = client.post(f"/api/tasks/{task.pk}/{action}")
    assert answer.status_code == 409, answer.content
    (error,) = answer.json()["errors"]
    return error["code"], error["detail"]


def test_skip(client: APIClient, task: Task) -> None:
    with recorded() as found:
        skipped = client.post(f"/api/tasks/{task.pk}/skip").json()
    following = client.get(f"/api/tasks/{skipped['next_id']}").json()
    assert (skipped["slot_state"], skipped["deleted_at"], skipped["version"]) == (
        "skipped",
        "2026-03-23T07:00:00Z",
        2,
    )
    assert (following["slot_state"], following["due_at"]) == ("open", "2026-03-24T09:00:00Z")
    assert following["series_id"] == skipped["series_id"]
    assert found.types == [("task.deleted", task.pk), ("task.created", following["id"])]
    slot = SeriesSlot.objects.get()
    assert (slot.outcome, slot.slot_at, slot.task_id, slot.version) == ("skipped", MONDAY, task.pk, 2)


def test_a_late_skip_passes_what_a_completion_would(
    client: APIClient, task: Task, early_on_monday: time_machine.Traveller
) -> None:
    early_on_monday.shift(3 * DAY)
    following = client.get(f"/api/tasks/{post(client, task.pk, 'skip')['next_id']}").json()
    assert following["due_at"] == "2026-03-26T09:00:00Z"
    assert SeriesSlot.objects.filter(outcome="missed").count() == 2


def test_skipping_the_last_ends_the_series(client: APIClient, charlie: User) -> None:
    last = create_task(charlie, title="x", due_at=MONDAY, recurrence_rule="daily", recurrence_end=MONDAY)
    assert post(client, last.pk, "skip")["next_id"] is None


def test_skipping_one_of_two_open_ones_names_the_other(client: APIClient, task: Task) -> None:
    post(client, task.pk, "complete")
    child = Task.objects.get(generated_from=task)
    client.patch(f"/api/tasks/{child.pk}", {"title": "touched"})
    post(client, task.pk, "reopen")
    assert post(client, task.pk, "skip")["next_id"] == child.pk


def test_a_skip_costs(client: APIClient, task: Task) -> None:
    """One lock, then a change and a new row with their events, the slot and what is looked up."""
    with CaptureQueriesContext(connection) as queries:
        client.post(f"/api/tasks/{task.pk}/skip")
    words = [query["sql"].split()[0] for query in queries]
    statements = [word for word in words if word not in ("SAVEPOINT", "RELEASE")]
    assert statements == ["SELECT", "UPDATE", "INSERT", "INSERT", "SELECT", "WITH", "INSERT"]


@pytest.mark.parametrize("mode", ["fixed", "after_completion"])
def test_stop(client: APIClient, charlie: User, mode: str) -> None:
    """Also where a completion today would give an earlier day than the occurrence's own."""
    task = create_task(
        charlie, title="x", due_at=MONDAY + 5 * DAY, recurrence_rule="daily", recurrence_mode=mode
    )
    stopped = post(client, task.pk, "stop")
    assert (stopped["completed"], stopped["slot_state"]) == (False, "open")
    assert stopped["recurrence_end"] == stopped["occurrence_at"] == "2026-03-28T09:00:00Z"
    post(client, task.pk, "complete")
    assert Task.objects.count() == 1
    post(client, task.pk, "reopen")
    assert client.patch(f"/api/tasks/{task.pk}", {"recurrence_end": None}).status_code == 200
    post(client, task.pk, "complete")
    assert Task.objects.count() == 2


@pytest.mark.parametrize("action", ["skip", "stop"])
def test_only_an_open_occurrence(client: APIClient, charlie: User, task: Task, action: str) -> None:
    assert conflict(client, create_task(charlie, title="once"), action) == (
        "not_recurring",
        "The task has no recurrence rule.",
    )
    complete_task(task)
    assert conflict(client, task, action) == ("completed", "The task is completed.")
    relay()
    child = Task.objects.get(generated_from=task)
    named = f"The open occurrence of its series is task {child.pk}."
    assert conflict(client, task, action) == ("completed", f"The task is completed. {named}")
    trash_task(task)
    assert conflict(client, task, action) == (
        "in_trash",
        f"The task is in the trash. Restore it first. {named}",
    )


def test_states_of_a_slot(client: APIClient, task: Task) -> None:
    def state() -> str:
        return client.get(f"/api/tasks/{task.pk}").json()["slot_state"]

    states = [state()]
    for change in (
        lambda: client.patch(f"/api/tasks/{task.pk}", {"due_at": "2026-03-25T09:00:00Z"}),
        lambda: client.post(f"/api/tasks/{task.pk}/complete"),
        lambda: client.post(f"/api/tasks/{task.pk}/reopen"),
        lambda: client.delete(f"/api/tasks/{task.pk}"),
        lambda: client.post(f"/api/tasks/{task.pk}/restore"),
        lambda: client.patch(f"/api/tasks/{task.pk}", {"due_at": "2026-03-23T09:00:00Z"}),
        lambda: client.post(f"/api/tasks/{task.pk}/skip"),
        lambda: client.post(f"/api/tasks/{task.pk}/restore"),
        lambda: client.patch(f"/api/tasks/{task.pk}", {"recurrence_rule": None}),
    ):
        change()
        states.append(state())
    assert states == [
        *("open", "moved", "done", "moved", "deleted", "moved", "open", "skipped", "open", None),
    ]


def test_a_row_from_before_has_its_state(client: APIClient, task: Task) -> None:
    """That it has none stored is not a change."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE tasks SET slot_state = NULL")
    assert client.get(f"/api/tasks/{task.pk}").json()["slot_state"] == "open"
    assert client.patch(f"/api/tasks/{task.pk}", {"title": "water the plants"}).json()["version"] == 1
    assert post(client, task.pk, "complete")["slot_state"] == "done"


def test_a_series_is_listed_without_its_head(client: APIClient, task: Task) -> None:
    post(client, task.pk, "complete")
    child = Task.objects.get(generated_from=task)
    Task.objects.get(pk=task.pk).delete()
    create_task(task.user, title="another", recurrence_rule="daily")
    listed = client.get(f"/api/tasks?series={child.series_id}").json()["results"]
    assert [one["id"] for one in listed] == [child.pk]
    assert client.get("/api/tasks?series=x").status_code == 400


def test_an_erased_occurrence_is_deleted_in_its_event(task: Task) -> None:
    with recorded() as found:
        task.delete()
    assert found.data(task.pk)["slot_state"] == "deleted"
    assert found.synced == [(task.pk, ["deleted_at", "slot_state"])]


def test_an_event_of_an_older_row_has_the_state_that_the_api_answers(task: Task, client: APIClient) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE tasks SET slot_state = NULL")
    with recorded() as found:
        client.patch(f"/api/tasks/{task.pk}", {"title": "water all"})
    assert found.data(task.pk)["slot_state"] == "open"
