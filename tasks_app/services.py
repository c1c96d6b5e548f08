"""What can be done to a task. Each is one transaction with its event, or a part of the caller's.

A task given here was loaded under its lock (`Task.objects.locked()`), so what it says is true.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from accounts_app.models import User
from tasks_app.models import Tag, Task, TaskTag


def create_task(user: User, *, tags: Iterable[Tag] = (), **fields: Any) -> Task:
    """A new task of the user's, with these tags. The fields are the model's."""
    task = Task(user=user, **fields)
    task.tag_ids = sorted({tag.pk for tag in tags})
    Task.objects.bulk_create([task])
    return task


@transaction.atomic(savepoint=False)
def update_task(task: Task, *, tags: Iterable[Tag] | None = None, **fields: Any) -> Task:
    """Change these fields; `tags`, when given, are all the tags it has from now on."""
    for name, value in fields.items():
        setattr(task, name, value)
    task.tag_ids = None if tags is None else sorted({tag.pk for tag in tags})
    task.lock_row()
    Task.objects.write_locked([task])
    return task


def tags_named(user: User, names: Sequence[str]) -> list[Tag]:
    """The user's tags of these names, made when new."""
    # In one order: two requests that make the same ones would else wait for each other.
    Tag.objects.bulk_create([Tag(user=user, name=name) for name in sorted(set(names))], ignore_conflicts=True)
    return list(Tag.objects.filter(user=user, name__in=names))


def complete_task(task: Task) -> Task:
    """Done. Completing a completed task changes nothing."""
    return update_task(task, completed=True)


def reopen_task(task: Task) -> Task:
    """Not done after all. Its reminders that have passed do not ring again."""
    return update_task(task, completed=False)


def trash_task(task: Task) -> Task:
    """To the trash, from where it can be restored."""
    return update_task(task, deleted_at=task.deleted_at or timezone.now())


def restore_task(task: Task) -> Task:
    """Out of the trash."""
    return update_task(task, deleted_at=None)


def snooze_task(task: Task, *, until: datetime) -> Task:
    """Silent until then, and then it rings."""
    return update_task(task, snoozed_until=until)


@transaction.atomic
def merge_tag(tag: Tag, *, into: Tag) -> Tag:
    """What has the tag gets the other one instead; the tag goes. Each task has changed once."""
    links = TaskTag.objects.filter(tag=tag)
    links.filter(task__in=TaskTag.objects.filter(tag=into).values("task")).delete()
    links.update(tag=into)
    into.recurring_tasks.add(*tag.recurring_tasks.all())
    tag.delete()
    return into


@transaction.atomic
def delete_tag(tag: Tag) -> None:
    """Delete the tag; each task that had it has changed."""
    TaskTag.objects.filter(tag=tag).delete()
    tag.delete()
