"""What happens at the same moment as the handling of a completion: one waits for the other."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import transaction

from accounts_app.erasure import close_account
from accounts_app.models import User
from events_app.envelope import Event, from_row
from events_app.handling import handle
from events_app.models import OutboxEvent, ParkedEvent
from tasks_app.models import Task
from tasks_app.services import complete_task, create_task, reopen_task, update_task
from tests.aside import PATIENCE_SECONDS, aside

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(name="aside")
def start_aside() -> Iterator[Callable[[Callable[[], Any]], Future[Any]]]:
    """`aside(work)`: starts the work on a connection of its own, and returns when it waits for a lock."""
    with aside() as start:
        yield start


@pytest.fixture
def task(alice: User) -> Task:
    return create_task(
        alice, title="water", recurrence_rule="daily", due_at=datetime(2030, 3, 25, 9, tzinfo=UTC)
    )


@pytest.fixture
def completion(task: Task) -> Event:
    complete_task(task)
    return from_row(OutboxEvent.objects.get(type="task.completed", subject=str(task.pk)))


def test_two_handlers_of_one_completion_create_one_occurrence(
    task: Task, completion: Event, aside: Any
) -> None:
    with transaction.atomic():
        handle("recurring", completion)
        other = aside(lambda: handle("recurring", completion))
    other.result(PATIENCE_SECONDS)
    assert Task.objects.filter(generated_from=task).count() == 1
    assert Task.objects.count() == 2
    assert not ParkedEvent.objects.exists()


def test_a_task_is_erased_while_its_successor_is_created(task: Task, completion: Event, aside: Any) -> None:
    with transaction.atomic():
        handle("recurring", completion)
        erasing = aside(lambda: Task.objects.filter(pk=task.pk).delete())
    assert erasing.result(PATIENCE_SECONDS) == (1, {"tasks_app.Task": 1})
    successor = Task.objects.get()
    assert (successor.generated_from_id, successor.parent_task_id) == (None, None)


def test_an_account_that_is_being_closed_gets_no_occurrence(
    alice: User, task: Task, completion: Event, aside: Any
) -> None:
    with transaction.atomic():
        close_account(alice)
        handling = aside(lambda: handle("recurring", completion))
    handling.result(PATIENCE_SECONDS)
    assert list(Task.objects.all()) == [task]
    assert not ParkedEvent.objects.exists()


def test_a_head_that_is_being_changed_is_waited_for(task: Task, completion: Event, aside: Any) -> None:
    with transaction.atomic():
        update_task(Task.objects.locked().get(pk=task.pk), title="water all of them")
        handling = aside(lambda: handle("recurring", completion))
    handling.result(PATIENCE_SECONDS)
    assert Task.objects.get(generated_from=task).title == "water"


def test_two_handlers_of_another_completion_bring_the_same_row_back(
    task: Task, completion: Event, aside: Any
) -> None:
    handle("recurring", completion)
    child = Task.objects.get(generated_from=task)
    reopen_task(Task.objects.get(pk=task.pk))
    complete_task(Task.objects.get(pk=task.pk))
    again = from_row(OutboxEvent.objects.filter(type="task.completed").latest("id"))
    with transaction.atomic():
        handle("recurring", again)
        other = aside(lambda: handle("recurring", again))
    other.result(PATIENCE_SECONDS)
    assert Task.objects.get(pk=child.pk).deleted_at is None
    assert Task.objects.count() == 2
    assert not ParkedEvent.objects.exists()


def test_reopening_finds_what_a_handler_is_creating(task: Task, completion: Event, aside: Any) -> None:
    with transaction.atomic():
        handle("recurring", completion)
        reopening = aside(lambda: reopen_task(Task.objects.get(pk=task.pk)))
    reopening.result(PATIENCE_SECONDS)
    assert not Task.objects.get(pk=task.pk).completed
    assert Task.objects.get(generated_from=task).deleted_at is not None


def test_a_handler_waits_for_the_reopening_and_creates_nothing(
    task: Task, completion: Event, aside: Any
) -> None:
    with transaction.atomic():
        reopen_task(Task.objects.locked().get(pk=task.pk))
        handling = aside(lambda: handle("recurring", completion))
    handling.result(PATIENCE_SECONDS)
    assert list(Task.objects.all()) == [task]
