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
        ({"minutes": None}, "minutes"),
        ({"until": None, "minutes": 5}, "until"),
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


@pytest.mark.parametrize(
    ("minutes", "rings_at"),
    [
        (0, NOW + HOUR),  # none has passed meanwhile
        (60, NOW + 2 * HOUR),  # the first has, and is skipped
        (61, NOW + 2 * HOUR),
        (121, None),
    ],
)
def test_when_a_snooze_is_ended_what_passed_does_not_ring(
    client: APIClient, task: Task, frozen: time_machine.Traveller, minutes: int, rings_at: datetime | None
) -> None:
    snooze(client, task, minutes=240)
    frozen.shift(timedelta(minutes=minutes))
    answer = snooze(client, task, until=None)
    assert (answer.status_code, answer.json()["snoozed_until"], answer.json()["version"]) == (200, None, 3)
    assert Task.objects.get().next_reminder_at == rings_at


def test_a_snooze_that_is_over_can_be_ended_too(
    client: APIClient, task: Task, frozen: time_machine.Traveller
) -> None:
    snooze(client, task, minutes=10)
    frozen.shift(2 * HOUR)  # nothing has scanned: the end of the snooze and a reminder are overdue
    assert snooze(client, task, until=None).json()["snoozed_until"] is None
    assert Task.objects.get().next_reminder_at is None


def test_ending_no_snooze_changes_nothing(client: APIClient, task: Task) -> None:
    answer = snooze(client, task, until=None)
    assert (answer.status_code, answer.json()["version"]) == (200, 1)
    assert Task.objects.get().next_reminder_at == NOW + HOUR


def test_a_task_can_be_snoozed_again_after_its_snooze_was_ended(client: APIClient, task: Task) -> None:
    snooze(client, task, minutes=240)
    snooze(client, task, until=None)
    snooze(client, task, minutes=5)
    assert Task.objects.get().next_reminder_at == NOW + timedelta(minutes=5)


def test_a_snooze_rings_although_a_clock_that_was_ahead_claimed_up_to_a_later_time(
    client: APIClient, task: Task
) -> None:
    update_task(task, reminded_until=NOW + 6 * HOUR)
    snooze(client, task, minutes=10)
    assert Task.objects.get().next_reminder_at == NOW + timedelta(minutes=10)


def test_another_users_task_is_not_found(client_of, bob: User, task: Task) -> None:
    assert snooze(client_of(bob), task, minutes=5).status_code == 404
