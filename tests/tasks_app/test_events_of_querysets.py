"""Changes of many tasks at once are told like changes of one, with few statements."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import NotSupportedError

from accounts_app.models import User
from tasks_app.models import Task
from tasks_app.services import update_task
from tests.tasks_app.recorded import fresh, recorded

pytestmark = pytest.mark.django_db(transaction=True)  # each change commits, as it does outside of tests

DUE = datetime(2030, 1, 1, 9, tzinfo=UTC)


def test_update(alice: User) -> None:
    tasks = [Task.objects.create(user=alice, title=f"task {n}") for n in range(3)]
    update_task(tasks[2], color="red")
    with recorded() as found:
        assert Task.objects.filter(user=alice).update(color="red") == 3
    assert found.types == [("task.updated", task.pk) for task in tasks[:2]]
    assert found.synced == [(task.pk, ["color"]) for task in tasks[:2]]
    assert {fresh(task).version for task in tasks} == {2}


def test_update_completes(task: Task) -> None:
    with recorded() as found:
        Task.objects.filter(completed=False).update(completed=True)
    assert found.types == [("task.completed", task.pk)]
    assert fresh(task).completed_at is not None


def test_update_trashes(task: Task) -> None:
    with recorded() as found:
        Task.objects.update(deleted_at=DUE)
    assert found.types == [("task.deleted", task.pk)]


def test_update_of_many_with_few_statements(alice: User, django_assert_max_num_queries) -> None:
    Task.objects.bulk_create([Task(user=alice, title=f"task {n}") for n in range(300)])
    with django_assert_max_num_queries(14), recorded() as found:
        Task.objects.filter(user=alice).update(pinned=True)
    assert len(found.types) == 300


def test_bulk_create(alice: User) -> None:
    with recorded() as found:
        tasks = Task.objects.bulk_create([Task(user=alice, title=f"task {n}") for n in range(3)])
    assert found.types == [("task.created", task.pk) for task in tasks]
    assert {fresh(task).timezone for task in tasks} == {"Europe/Berlin"}


def test_bulk_create_that_may_skip_rows_is_refused(alice: User) -> None:
    with pytest.raises(NotSupportedError):
        Task.objects.bulk_create([Task(user=alice, title="x")], ignore_conflicts=True)


def test_bulk_update(alice: User) -> None:
    tasks = Task.objects.bulk_create([Task(user=alice, title=f"task {n}") for n in range(3)])
    for task in tasks[:2]:
        task.title = "renamed"
    with recorded() as found:
        Task.objects.bulk_update(tasks, ["title"])
    assert found.types == [("task.updated", task.pk) for task in tasks[:2]]


def test_get_or_create_and_update_or_create(alice: User) -> None:
    with recorded() as found:
        task, _ = Task.objects.get_or_create(user=alice, title="one")
        Task.objects.get_or_create(user=alice, title="one")
        Task.objects.update_or_create(user=alice, title="one", defaults={"color": "red"})
    assert found.types == [("task.created", task.pk), ("task.updated", task.pk)]


def test_related_manager(alice: User, task: Task) -> None:
    with recorded() as found:
        alice.tasks.create(title="two")
        alice.tasks.update(pinned=True)
    assert [kind for kind, _ in found.types] == ["task.created", "task.updated", "task.updated"]


def test_reminder_of_a_moved_task_is_derived_in_every_way(alice: User) -> None:
    task = Task.objects.create(user=alice, title="x", due_at=DUE, reminder_offsets=[60])
    assert task.next_reminder_at == DUE - timedelta(hours=1)
    Task.objects.update(due_at=DUE + timedelta(days=1))
    assert fresh(task).next_reminder_at == DUE + timedelta(hours=23)
    Task.objects.update(archived=True)
    assert fresh(task).next_reminder_at is None
