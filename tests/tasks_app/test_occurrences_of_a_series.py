"""GET /api/tasks/{id}/occurrences: what became of each slot of a series, and what is to come."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import Client
from rest_framework.test import APIClient

from accounts_app.models import User
from events_app.brokers import InProcessBroker
from events_app.relay import relay_batch
from tasks_app.models import Task
from tasks_app.services import create_task

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
    return create_task(charlie, title="water the plants", due_at=MONDAY, recurrence_rule="daily")


def post(client: APIClient, task: Task, action: str) -> None:
    assert client.post(f"/api/tasks/{task.pk}/{action}").status_code == 200
    while relay_batch(InProcessBroker()):
        pass


def successor(task: Task) -> Task:
    return Task.objects.get(generated_from=task)


def page(client: APIClient, task: Task, query: str = "") -> dict[str, Any]:
    answer = client.get(f"/api/tasks/{task.pk}/occurrences{query}")
    assert answer.status_code == 200, answer.content
    return answer.json()


def day(number: int) -> str:
    return f"{MONDAY + number * DAY:%Y-%m-%dT%H:%M:%SZ}"


def local(number: int) -> str:
    return f"{MONDAY + number * DAY:%Y-%m-%dT%H:%M+00:00}"


def history(client: APIClient, task: Task) -> list[tuple[str, str, int | None]]:
    rows = page(client, task, "?ordering=occurrence_at")["results"]
    return [(row["occurrence_at"], row["state"], row["task_id"]) for row in rows]


def test_what_became_of_each_slot(
    client: APIClient, task: Task, early_on_monday: time_machine.Traveller
) -> None:
    post(client, task, "complete")
    second = successor(task)
    post(client, second, "skip")
    third = successor(second)
    early_on_monday.shift(4 * DAY)
    post(client, third, "complete")  # two days late
    fourth = successor(third)
    client.patch(f"/api/tasks/{fourth.pk}", {"due_at": day(6)})
    assert history(client, task) == [
        (day(0), "done", task.pk),
        (day(1), "skipped", second.pk),
        (day(2), "done", third.pk),
        (day(3), "missed", None),
        (day(4), "moved", fourth.pk),
    ]
    assert page(client, task)["upcoming"] == [local(n) for n in range(5, 10)]
    assert page(client, task)["results"][0] == {
        "occurrence_at": day(4),
        "state": "moved",
        "task_id": fourth.pk,
        "due_at": day(6),
    }


def test_slots_outlive_their_tasks(client: APIClient, task: Task) -> None:
    post(client, task, "complete")
    second = successor(task)
    post(client, second, "skip")
    third = successor(second)
    post(client, third, "complete")
    fourth = successor(third)
    for one in (task, second, fourth):
        assert client.delete(f"/api/tasks/{one.pk}?permanent=true").status_code == 204
    assert history(client, third) == [
        (day(0), "done", None),
        (day(1), "skipped", None),
        (day(2), "done", third.pk),
        (day(3), "deleted", None),
    ]
    assert page(client, third)["upcoming"] == []  # the series rests


def test_nothing_comes_after_a_stop(client: APIClient, task: Task) -> None:
    post(client, task, "stop")
    assert history(client, task) == [(day(0), "open", task.pk)]
    assert page(client, task)["upcoming"] == []


def test_a_late_occurrence_is_followed_by_what_comes_after_now(
    client: APIClient, task: Task, early_on_monday: time_machine.Traveller
) -> None:
    early_on_monday.shift(10 * DAY)
    assert page(client, task)["upcoming"] == [local(n) for n in range(10, 15)]


def test_after_completion_counts_as_if_each_was_done_in_its_time(client: APIClient, charlie: User) -> None:
    rule = "rrule:FREQ=DAILY;INTERVAL=3"
    task = create_task(
        charlie, title="x", due_at=MONDAY, recurrence_rule=rule, recurrence_mode="after_completion"
    )
    assert page(client, task)["upcoming"] == [local(n) for n in range(3, 18, 3)]


def test_a_task_without_a_rule_has_none(client: APIClient, charlie: User, bob: User) -> None:
    once = create_task(charlie, title="once")
    assert page(client, once) == {"results": [], "next": None, "previous": None, "upcoming": []}
    his = create_task(bob, title="his", recurrence_rule="daily")
    assert client.get(f"/api/tasks/{his.pk}/occurrences").status_code == 404


@pytest.mark.parametrize("ordering", ["occurrence_at", "-occurrence_at"])
def test_pages_join_tasks_and_slots(
    client: APIClient, task: Task, early_on_monday: time_machine.Traveller, ordering: str
) -> None:
    early_on_monday.shift(3 * DAY)
    post(client, task, "complete")
    post(client, successor(task), "complete")
    whole = [row["occurrence_at"] for row in page(client, task, f"?ordering={ordering}")["results"]]
    assert whole == sorted((day(n) for n in range(5)), reverse=ordering.startswith("-"))
    found, found_back, url = [], [], f"/api/tasks/{task.pk}/occurrences?ordering={ordering}&page_size=2"
    while url:
        answer = client.get(url).json()
        found += [row["occurrence_at"] for row in answer["results"]]
        last, url = url, answer["next"]
    url = last
    while url:
        answer = client.get(url).json()
        found_back = [row["occurrence_at"] for row in answer["results"]] + found_back
        url = answer["previous"]
    assert found == found_back == whole


def test_of_a_zone_that_the_zone_data_has_lost(client: APIClient, task: Task) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE tasks SET timezone = 'Mars/Olympus'")
    answer = client.get(f"/api/tasks/{task.pk}/occurrences")
    assert answer.status_code == 200
    assert (len(answer.json()["results"]), answer.json()["upcoming"]) == (1, [])


def test_the_admin_shows_the_rule_and_the_next_five(operator: Client, charlie: User) -> None:
    task = create_task(charlie, title="x", due_at=MONDAY, recurrence_rule="weekly", timezone="Europe/Berlin")
    page = operator.get(f"/admin/tasks_app/task/{task.pk}/change/").content.decode()
    assert "every Monday at 10:00, Europe/Berlin" in page
    # By the wall clock of the series, which changes in that week.
    assert "Monday, 30 March 2026, 10:00 CEST<br>" in page
    assert "Monday, 27 April 2026, 10:00 CEST<br></div>" in page
