"""Each event names who caused it, by the door that its change came through."""

from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from accounts_app.models import User
from events_app.brokers import InProcessBroker
from events_app.models import OutboxEvent
from events_app.outbox import acting_as
from events_app.relay import relay_batch
from notifications_app.tasks import announce_due_soon
from tasks_app.models import Task
from tasks_app.services import create_task
from tests.tasks_app.admin_pages import act

pytestmark = pytest.mark.django_db

DAILY = {"title": "Water the plants", "due_at": "2030-05-01T09:00:00Z", "recurrence_rule": "daily"}


def actors() -> dict[str, set[str]]:
    """By the events' types; the events are gone then."""
    found: dict[str, set[str]] = {}
    for event in OutboxEvent.objects.all():
        found.setdefault(event.type, set()).add(event.actor)
    OutboxEvent.objects.all().delete()
    return found


@pytest.fixture
def client(alice: User, client_of: Callable[[User], APIClient]) -> APIClient:
    return client_of(alice)


def test_a_request_of_the_api_is_its_users(client: APIClient) -> None:
    assert client.post("/api/tasks", DAILY).status_code == 201
    assert actors() == {"task.created": {"user"}, "task.sync": {"user"}}


def test_a_request_of_the_admin_is_an_operators(alice: User, operator: Client) -> None:
    task = create_task(alice, title="one")
    actors()
    act(operator, "complete", [task])
    assert actors() == {"task.completed": {"operator"}, "task.sync": {"operator"}}


@pytest.mark.django_db(transaction=True)
def test_what_a_handler_does_about_an_event_is_the_systems(client: APIClient) -> None:
    task = client.post("/api/tasks", DAILY).json()["id"]
    while relay_batch(InProcessBroker()):
        pass
    assert client.post(f"/api/tasks/{task}/complete").status_code == 200
    relay_batch(InProcessBroker())
    assert Task.objects.filter(generated_from=task).exists()
    assert actors() == {"task.created": {"system"}, "task.sync": {"system"}}


def test_a_tick_is_the_systems(alice: User) -> None:
    create_task(alice, title="soon", due_at=timezone.now() + timedelta(hours=1))
    actors()
    announce_due_soon.apply(throw=True)
    assert actors() == {"task.due.approaching": {"system"}}


def test_a_command_is_the_systems(alice: User) -> None:
    change = f"from tasks_app.models import Task; Task.objects.create(user_id='{alice.pk}', title='one')"
    call_command("shell", command=change, no_imports=True)
    assert actors() == {"task.created": {"system"}, "task.sync": {"system"}}


def test_an_assistant_acts_within_a_users_request(alice: User) -> None:
    assistant = f"assistant:{uuid4()}"
    with acting_as("user"):
        with acting_as(assistant):
            create_task(alice, title="one")
        assert actors()["task.created"] == {assistant}
        create_task(alice, title="two")
        assert actors()["task.created"] == {"user"}


def test_a_request_that_fails_leaves_no_actor_behind(alice: User) -> None:
    with pytest.raises(ZeroDivisionError), acting_as("user"):
        raise ZeroDivisionError
    create_task(alice, title="one")
    assert actors()["task.created"] == {"system"}
