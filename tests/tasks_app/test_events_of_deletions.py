"""Trash, deletion and what goes with a deleted row: an event for each task that others can see change."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import transaction
from django.db.models import ProtectedError

from accounts_app.models import User
from recurring_app.models import RecurringTask
from tasks_app import task_writes
from tasks_app.models import Tag, Task
from tasks_app.services import create_task, update_task
from tests.tasks_app.many import create_many
from tests.tasks_app.recorded import fresh, recorded

pytestmark = pytest.mark.django_db(transaction=True)  # each change commits, as it does outside of tests

DUE = datetime(2030, 1, 1, 9, tzinfo=UTC)


def test_trash_restore_and_purge(task: Task) -> None:
    with recorded() as found:
        update_task(task, deleted_at=DUE)
        update_task(task, deleted_at=None)
        update_task(task, deleted_at=DUE)
        Task.objects.filter(pk=task.pk).delete()
    kinds = [kind for kind, _ in found.types]
    assert kinds == ["task.deleted", "task.updated", "task.deleted"]


def test_delete_is_complete_in_itself(task: Task, tag: Tag) -> None:
    update_task(task, tags=[tag])
    with recorded() as found:
        task.delete()
    ((kind, task_id),) = found.types
    assert kind == "task.deleted"
    assert found.data(task_id)["tag_ids"] == [tag.pk]
    assert found.data(task_id)["deleted_at"] is not None
    assert found.synced == [(task_id, ["deleted_at"])]
    assert found.events[0].sequence == 3


def test_the_tags_of_an_erased_task_are_in_their_order(alice: User, task: Task, tag: Tag) -> None:
    later = Tag.objects.create(user=alice, name="later")
    update_task(task, tags=[later])
    update_task(task, tags=[later, tag])
    with recorded() as found:
        task.delete()
    assert found.data(task.pk)["tag_ids"] == [tag.pk, later.pk]


def test_queryset_delete(alice: User, tag: Tag) -> None:
    tasks = [create_task(alice, title=f"task {n}", tags=[tag]) for n in range(3)]
    with recorded() as found:
        Task.objects.filter(user=alice).delete()
    assert sorted(found.types) == [("task.deleted", task.pk) for task in tasks]
    assert found.data(tasks[0].pk)["tag_ids"] == [tag.pk]


def test_queryset_delete_of_many_with_few_statements(
    alice: User, tag: Tag, django_assert_max_num_queries
) -> None:
    create_many([Task(user=alice, title=f"task {n}") for n in range(100)], tags=[tag])
    with django_assert_max_num_queries(15), recorded() as found:
        Task.objects.filter(user=alice).delete()
    assert len(found.types) == 100


def test_deleting_a_stale_copy_records_the_row(task: Task) -> None:
    stale = fresh(task)
    update_task(task, title="newer")
    with recorded() as found:
        stale.delete()
    assert found.data(task.pk)["title"] == "newer"
    assert found.events[0].sequence == 3


def test_deleting_twice_is_one_event(task: Task) -> None:
    other = fresh(task)
    with recorded() as found:
        other.delete()
        task.delete()
    assert [kind for kind, _ in found.types] == ["task.deleted"]


@pytest.mark.parametrize("delete", [User.delete, lambda user: User.objects.filter(pk=user.pk).delete()])
def test_a_user_with_tasks_is_not_deleted(alice: User, tag: Tag, delete: Callable[[User], Any]) -> None:
    task = create_task(alice, title="one", tags=[tag], deleted_at=DUE)
    with recorded() as found, pytest.raises(ProtectedError, match="close the account"):
        delete(alice)
    assert found.events == []
    assert list(fresh(task).tags.all()) == [tag]
    task.delete()
    delete(alice)
    assert not User.objects.exists()


def test_in_batches(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(task_writes, "BATCH", 2)
    head = create_task(alice, title="head")
    children = create_many(Task(user=alice, title=f"child {n}", parent_task=head) for n in range(4))
    with recorded() as found:
        assert Task.objects.all().delete()[0] == 5
    assert found.types == [("task.deleted", task.pk) for task in (head, *children)]


def test_a_slice_is_not_deleted(task: Task) -> None:
    with pytest.raises(TypeError):
        Task.objects.all()[:1].delete()
    assert Task.objects.exists()


def test_erasing_a_head_changes_its_occurrences(alice: User) -> None:
    head = Task.objects.create(user=alice, title="head")
    child = Task.objects.create(user=alice, title="child", parent_task=head)
    with recorded() as found:
        fresh(head).delete()
    assert sorted(found.types) == [("task.deleted", head.pk), ("task.updated", child.pk)]
    assert found.data(child.pk)["parent_task_id"] is None


def test_a_head_and_its_occurrence_erased_at_once(alice: User) -> None:
    head = create_task(alice, title="head")
    child = create_task(alice, title="child", parent_task=head)
    with recorded() as found:
        Task.objects.filter(user=alice).delete()
    assert sorted(found.types) == [("task.deleted", head.pk), ("task.deleted", child.pk)]
    assert sorted(found.synced) == [(head.pk, ["deleted_at"]), (child.pk, ["deleted_at"])]
    assert found.data(child.pk)["parent_task_id"] == head.pk
    assert {event.sequence for event in found.events} == {2}


def test_a_head_and_its_occurrence_purged_at_once_tell_nothing(alice: User) -> None:
    head = create_task(alice, title="head", deleted_at=DUE)
    create_task(alice, title="child", parent_task=head, deleted_at=DUE)
    with recorded() as found:
        Task.objects.filter(user=alice).delete()
    assert found.events == []


def test_the_successor_of_an_erased_task_stays_unchanged(alice: User) -> None:
    task = create_task(alice, title="first")
    successor = create_task(alice, title="second", generated_from=task)
    with recorded() as found:
        task.delete()
    assert found.types == [("task.deleted", task.pk)]
    assert (fresh(successor).generated_from, fresh(successor).version) == (None, 1)


def test_amended_changes_say_what_the_task_says(alice: User) -> None:
    head = create_task(alice, title="head")
    child = create_task(alice, title="child", parent_task=head)
    with recorded() as found, transaction.atomic():
        head.delete()  # takes the head from the occurrence first
        child.delete()
    (sync,) = [event for event in found.events if event.subject == str(child.pk) and "changes" in event.data]
    data = found.data(child.pk)
    assert sync.data["changes"] == {name: data[name] for name in sync.data["changes"]}


def test_deleting_a_template_changes_its_tasks(alice: User) -> None:
    template = RecurringTask.objects.create(
        user=alice,
        template_title="t",
        recurrence_pattern="daily",
        starts_at=datetime(2030, 1, 1, 9),  # noqa: DTZ001
    )
    task = Task.objects.create(user=alice, title="made", recurring_task=template, occurrence_at=DUE)
    with recorded() as found:
        template.delete()
    assert found.types == [("task.updated", task.pk)]
    assert fresh(task).recurring_task_id is None
