"""Changes of many tasks at once are recorded like changes of one, with few statements; others are refused."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import NotSupportedError
from django.utils import timezone

from accounts_app.models import User
from tasks_app import task_writes
from tasks_app.models import Task
from tasks_app.services import update_task
from tasks_app.task_writes import Draft
from tests.tasks_app.many import create_many
from tests.tasks_app.recorded import fresh, recorded

pytestmark = pytest.mark.django_db(transaction=True)  # each change commits, as it does outside of tests


def test_create(alice: User) -> None:
    with recorded() as found:
        tasks = create_many(Task(user=alice, title=f"task {n}") for n in range(3))
    assert found.types == [("task.created", task.pk) for task in tasks]
    assert {fresh(task).timezone for task in tasks} == {"Europe/Berlin"}


def test_create_with_ids_that_are_given(alice: User) -> None:
    create_many([Task(pk=777_000_000, user=alice, title="given"), Task(user=alice, title="made")])
    assert Task.objects.get(title="given").pk == 777_000_000


def test_write_of_copies(alice: User) -> None:
    tasks = create_many(Task(user=alice, title=f"task {n}") for n in range(3))
    update_task(fresh(tasks[0]), title="by another user")
    for task in tasks[:2]:
        task.color = "red"
    with recorded() as found:
        task_writes.write([Draft(task) for task in tasks])
    assert found.synced == [(task.pk, ["color"]) for task in tasks[:2]]
    assert [fresh(task).version for task in tasks] == [3, 2, 1]
    assert fresh(tasks[0]).title == tasks[0].title == "by another user"


def test_each_of_many_has_the_event_of_its_own_change(alice: User) -> None:
    completed, trashed, unchanged = tasks = create_many(Task(user=alice, title=f"task {n}") for n in range(3))
    completed.completed, trashed.deleted_at = True, timezone.now()
    with recorded() as found:
        task_writes.write([Draft(task) for task in tasks])
    assert found.types == [("task.completed", completed.pk), ("task.deleted", trashed.pk)]
    assert fresh(completed).completed_at is not None
    assert fresh(unchanged).version == 1


def test_write_of_many_with_few_statements(alice: User, django_assert_max_num_queries: Any) -> None:
    tasks = create_many(Task(user=alice, title=f"task {n}") for n in range(300))
    for task in tasks:
        task.pinned = True
    with django_assert_max_num_queries(9), recorded() as found:
        task_writes.write([Draft(task) for task in tasks])
    assert len(found.types) == 300


def test_nothing_to_write(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(2):  # BEGIN and COMMIT
        task_writes.write([])
    with django_assert_num_queries(2):
        task_writes.create([])


def test_get_or_create_and_update_or_create(alice: User) -> None:
    with recorded() as found:
        task, _ = Task.objects.get_or_create(user=alice, title="one")
        Task.objects.get_or_create(user=alice, title="one")
        Task.objects.update_or_create(user=alice, title="one", defaults={"color": "red"})
    assert found.types == [("task.created", task.pk), ("task.updated", task.pk)]


def test_related_manager(alice: User) -> None:
    with recorded() as found:
        task = alice.tasks.create(title="two")
    assert found.types == [("task.created", task.pk)]


@pytest.mark.parametrize(
    "write",
    [
        lambda task: Task.objects.update(color="red"),
        lambda task: task.user.tasks.update(color="red"),
        lambda task: Task.objects.bulk_create([Task(user=task.user, title="x")]),
        lambda task: Task.objects.bulk_create([Task(user=task.user, title="x")], ignore_conflicts=True),
        lambda task: Task.objects.bulk_update([task], ["title"]),
    ],
)
def test_what_would_record_no_event_is_refused(task: Task, write: Callable[[Task], Any]) -> None:
    task.title = "renamed"
    with recorded() as found, pytest.raises(NotSupportedError, match="task_writes"):
        write(task)
    assert found.events == []
    assert (Task.objects.get().title, Task.objects.get().color) == ("water the plants", "default")
