"""What can be done to a task. Each is one transaction with its event, or a part of the caller's.

A task given here was loaded under its lock (`Task.objects.locked()`), so what it says is true.
Many tasks at once: tasks_app/bulk.py.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from django.db import transaction
from django.dispatch import Signal
from django.utils import timezone

from accounts_app.models import User
from tasks_app import task_writes
from tasks_app.following import end_lines
from tasks_app.models import Tag, Task, TaskTag
from tasks_app.occurrences import continue_after_skips
from tasks_app.querysets import TaskQuerySet
from tasks_app.task_writes import Draft

# Sent inside the transaction, with `tag_ids`, before these tags are locked: receivers lock what has them.
tags_going = Signal()


def create_task(user: User, *, tags: Iterable[Tag | int] = (), **fields: Any) -> Task:
    """A new task of the user's, with these tags, or tags of these ids. The fields are the model's."""
    task = Task(user=user, **fields)
    task_writes.create([Draft(task, _ids(tags))])
    return task


def update_task(task: Task, *, tags: Iterable[Tag | int] | None = None, **fields: Any) -> Task:
    """Change these fields; `tags`, when given, are all the tags it has from now on."""
    leaves_series = task.series_id is not None and fields.get("series_id", task.series_id) is None
    others = _left_behind(task) if leaves_series else []
    for name, value in fields.items():
        setattr(task, name, value)
    task_writes.write([Draft(task, None if tags is None else _ids(tags)), *map(Draft, others)])
    return task


def _left_behind(task: Task) -> list[Task]:
    """Other open occurrences of a series that this task leaves, each the last of its line from now on.

    There are some if the task was reopened after its successor had been edited.
    """
    mine = Task.objects.filter(user=task.user_id)
    others = list(mine.open_in_series_of([task.pk]).exclude(pk=task.pk).locked())
    end_lines(others)
    return others


def _ids(tags: Iterable[Tag | int]) -> list[int]:
    return [tag if isinstance(tag, int) else tag.pk for tag in tags]


def complete_task(task: Task) -> Task:
    """Complete it. Completing a completed task changes nothing."""
    return update_task(task, completed=True)


def reopen_task(task: Task) -> Task:
    """Reopen it. Its past reminders do not ring again. An untouched successor goes to the trash."""
    return update_task(task, completed=False)


def trash_task(task: Task) -> Task:
    """Move it to the trash."""
    return update_task(task, deleted_at=task.deleted_at or timezone.now())


def restore_task(task: Task) -> Task:
    """Restore it from the trash. The untouched successor of a skipped one goes there."""
    return update_task(task, deleted_at=None, slot_state=None)


@transaction.atomic(savepoint=False)
def skip_task(task: Task) -> int | None:
    """Skip an open occurrence: it goes to the trash, and the series goes on as after a completion now.

    Returns the id of the open occurrence that follows; None if the series is over.
    """
    update_task(task, deleted_at=timezone.now(), slot_state=Task.SlotState.SKIPPED)
    return continue_after_skips([task]).get(task.pk)


def stop_series(task: Task) -> Task:
    """End the series with this open occurrence: nothing follows it."""
    return update_task(task, recurrence_end=task.occurrence_at)


def snooze_task(task: Task, *, until: datetime) -> Task:
    """No reminder until then, and one at that time."""
    return update_task(task, snoozed_until=until)


def end_snooze(task: Task, *, back_to: datetime | None = None) -> Task:
    """End its snooze, or set it back to the one before. What passed meanwhile does not ring."""
    if task.snoozed_until is None:
        return task
    now = timezone.now()
    return update_task(task, snoozed_until=back_to, reminded_until=max(task.reminded_until or now, now))


@transaction.atomic
def merge_tag(tag: Tag, *, into: Tag) -> Tag:
    """Tasks and templates that have the tag get the other one instead; the tag goes."""
    untag({tag.pk}, instead=into.pk)
    into.recurring_tasks.add(*tag.recurring_tasks.all())
    tag.delete()
    return into


@transaction.atomic(savepoint=False)
def untag(tag_ids: set[int], *, instead: int | None = None) -> None:
    """Take these tags from the tasks that have them, each a change of its task; give them `instead`."""
    links = TaskTag.objects.filter(tag__in=tag_ids)
    having = Task.objects.filter(pk__in=links.values("task_id"))
    # In the order of everyone: who has locked a task or a template waits for its tags at the commit.
    list(having.locked().values_list("pk"))
    tags_going.send(Tag, tag_ids=tag_ids)
    # A request that gives one of them to a task now waits for this lock at its commit, and fails (409).
    list(Tag.objects.filter(pk__in=tag_ids).order_by("pk").select_for_update().values_list("pk"))
    added = {instead} if instead else set()
    for tasks in _locked_batches(having):
        have = TaskTag.objects.ids_by_task([task.pk for task in tasks])
        # Asked again under the lock: a task may have lost the tag meanwhile.
        tagged = [task for task in tasks if tag_ids & set(have[task.pk])]
        task_writes.write([Draft(task, set(have[task.pk]) - tag_ids | added) for task in tagged])


@transaction.atomic(savepoint=False)
def release_from_templates(template_ids: set[int]) -> None:
    """These templates are about to go; the tasks that came of them stay, without them."""
    for tasks in _locked_batches(Task.objects.filter(recurring_task__in=template_ids)):
        for task in tasks:
            task.recurring_task = None
        task_writes.write([Draft(task) for task in tasks])


def _locked_batches(tasks: TaskQuerySet[Task]) -> Iterator[list[Task]]:
    """All locked first, in the order of locks; then loaded, so many at a time."""
    pks = list(tasks.locked().values_list("pk", flat=True))
    for batch in task_writes.batches(pks):
        yield list(Task.objects.filter(pk__in=batch).locked())
