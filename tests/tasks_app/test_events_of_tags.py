"""Adding or removing a tag is a change of the task, on every way."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import NotSupportedError
from django.utils import timezone

from accounts_app.models import User
from tasks_app.models import Priority, Tag, Task, TaskTag
from tasks_app.services import create_task, merge_tag, update_task
from tests.tasks_app.many import create_many
from tests.tasks_app.recorded import fresh, recorded

pytestmark = pytest.mark.django_db(transaction=True)  # each change commits, as it does outside of tests


def test_a_tag_is_a_change_of_the_task(task: Task, tag: Tag) -> None:
    with recorded() as found:
        update_task(task, tags=[tag])
        update_task(task, tags=[tag])
        update_task(task, tags=[])
    assert found.types == [("task.updated", task.pk)] * 2
    assert found.synced == [(task.pk, ["tag_ids"])] * 2
    assert [event.data["changes"] for event in found.events if event.topic == "task-updates"] == [
        {"tag_ids": [tag.pk]},
        {"tag_ids": []},
    ]
    assert fresh(task).version == 3


@pytest.mark.parametrize(
    "write",
    [
        lambda task, tag: task.tags.add(tag),
        lambda task, tag: task.tags.set([]),
        lambda task, tag: task.tags.remove(*task.tags.all()),
        lambda task, tag: task.tags.clear(),
        lambda task, tag: tag.tasks.add(task),
        lambda task, tag: TaskTag.objects.create(task=task, tag=tag),
        lambda task, tag: TaskTag.objects.bulk_create([TaskTag(task=task, tag=tag)]),
        lambda task, tag: TaskTag.objects.update(tag=tag),
        lambda task, tag: TaskTag.objects.bulk_update(TaskTag.objects.all(), ["tag"]),
        lambda task, tag: TaskTag.objects.all().delete(),
        lambda task, tag: TaskTag.objects.get().delete(),
        lambda task, tag: TaskTag.objects.get().save(),
    ],
)
def test_tags_are_written_with_their_task_only(
    alice: User, task: Task, tag: Tag, write: Callable[[Task, Tag], Any]
) -> None:
    update_task(task, tags=[tag])
    other = Tag.objects.create(user=alice, name="other")
    with recorded() as found, pytest.raises(NotSupportedError, match="update_task"):
        write(task, other)
    assert found.events == []
    assert list(task.tags.all()) == [tag]


def test_deleting_a_tag(alice: User, task: Task, tag: Tag) -> None:
    untagged = Task.objects.create(user=alice, title="other")
    update_task(task, tags=[tag])
    with recorded() as found:
        tag.delete()
    assert found.types == [("task.updated", task.pk)]
    assert found.data(task.pk)["tag_ids"] == []
    assert fresh(untagged).version == 1


@pytest.mark.parametrize("how", ["delete", "merge"])
def test_a_task_in_the_trash_stays_deleted(alice: User, task: Task, tag: Tag, how: str) -> None:
    """Its purge has no event, so an update must not be the last event that a consumer sees."""
    update_task(task, tags=[tag], deleted_at=timezone.now())
    with recorded() as found:
        if how == "delete":
            tag.delete()
        else:
            merge_tag(tag, into=Tag.objects.create(user=alice, name="other"))
    assert found.types == [("task.deleted", task.pk)]


def test_deleting_a_tag_of_many_tasks_with_few_statements(
    alice: User, tag: Tag, django_assert_max_num_queries
) -> None:
    create_many([Task(user=alice, title=f"task {n}") for n in range(100)], tags=[tag])
    with django_assert_max_num_queries(18), recorded() as found:
        tag.delete()
    assert len(found.types) == 100


def test_merging_tags(alice: User, task: Task, tag: Tag) -> None:
    other, third = (Tag.objects.create(user=alice, name=name) for name in ("other", "third"))
    update_task(task, tags=[tag, third])
    both = create_task(alice, title="both", tags=[tag, other])
    with recorded() as found:
        merge_tag(tag, into=other)
    assert found.types == [("task.updated", task.pk), ("task.updated", both.pk)]
    assert found.data(task.pk)["tag_ids"] == [other.pk, third.pk]
    assert found.data(both.pk)["tag_ids"] == [other.pk]


def test_deleting_several_tags_changes_a_task_once(alice: User, task: Task, tag: Tag) -> None:
    other = Tag.objects.create(user=alice, name="other")
    update_task(task, tags=[tag, other])
    with recorded() as found:
        Tag.objects.all().delete()
    assert found.types == [("task.updated", task.pk)]
    assert (found.data(task.pk)["tag_ids"], found.data(task.pk)["version"]) == ([], 3)


def test_renaming_a_tag_or_a_priority_is_no_change_of_a_task(task: Task, tag: Tag) -> None:
    update_task(task, tags=[tag])
    with recorded() as found:
        tag.name = "yard"
        tag.save()
        priority = Priority.objects.get(pk=task.priority_id)
        priority.color = "#000000"
        priority.save()
    assert found.of_tasks == []
