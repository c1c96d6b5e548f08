"""Adding or removing a tag is a change of the task, on every way."""

import pytest
from django.utils import timezone

from accounts_app.models import User
from tasks_app.models import Priority, Tag, Task, TaskTag
from tasks_app.services import delete_tag, merge_tag
from tests.tasks_app.recorded import fresh, recorded

pytestmark = pytest.mark.django_db(transaction=True)  # each change commits, as it does outside of tests


def test_a_tag_is_a_change_of_the_task(task: Task, tag: Tag) -> None:
    with recorded() as found:
        link = TaskTag.objects.create(task=task, tag=tag)
        link.delete()
    assert found.types == [("task.updated", task.pk)] * 2
    assert found.synced == [(task.pk, ["tag_ids"])] * 2
    assert [event.data["changes"] for event in found.events if event.topic == "task-updates"] == [
        {"tag_ids": [tag.pk]},
        {"tag_ids": []},
    ]
    assert fresh(task).version == 3


def test_many_to_many_manager(task: Task, tag: Tag) -> None:
    with recorded() as found:
        task.tags.add(tag)
        task.tags.add(tag)
        task.tags.set([])
    assert found.types == [("task.updated", task.pk)] * 2


def test_deleting_a_tag(alice: User, task: Task, tag: Tag) -> None:
    untagged = Task.objects.create(user=alice, title="other")
    task.tags.add(tag)
    with recorded() as found:
        tag.delete()
    assert found.types == [("task.updated", task.pk)]
    assert found.data(task.pk)["tag_ids"] == []
    assert fresh(untagged).version == 1


@pytest.mark.parametrize("how", ["delete", "merge"])
def test_a_task_in_the_trash_stays_deleted(alice: User, task: Task, tag: Tag, how: str) -> None:
    """Its purge tells nothing: after an update the last a reader knows of it would be that it is there."""
    task.tags.add(tag)
    task.deleted_at = timezone.now()
    task.save()
    with recorded() as found:
        if how == "delete":
            delete_tag(tag)
        else:
            merge_tag(tag, into=Tag.objects.create(user=alice, name="other"))
    assert found.types == [("task.deleted", task.pk)]


def test_deleting_a_tag_of_many_tasks_with_few_statements(
    alice: User, tag: Tag, django_assert_max_num_queries
) -> None:
    tasks = Task.objects.bulk_create([Task(user=alice, title=f"task {n}") for n in range(100)])
    TaskTag.objects.bulk_create([TaskTag(task=task, tag=tag) for task in tasks])
    with django_assert_max_num_queries(30), recorded() as found:
        delete_tag(tag)
    assert len(found.types) == 100


def test_moving_links_to_another_tag(alice: User, task: Task, tag: Tag) -> None:
    task.tags.add(tag)
    other = Tag.objects.create(user=alice, name="other")
    with recorded() as found:
        TaskTag.objects.filter(tag=tag).update(tag=other)
    assert found.types == [("task.updated", task.pk)]
    assert found.data(task.pk)["tag_ids"] == [other.pk]


def test_renaming_a_tag_or_a_priority_is_no_change_of_a_task(task: Task, tag: Tag) -> None:
    task.tags.add(tag)
    with recorded() as found:
        tag.name = "yard"
        tag.save()
        Priority.objects.filter(pk=task.priority_id).update(color="#000000")
    assert found.events == []
