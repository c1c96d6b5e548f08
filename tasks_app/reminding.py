"""When a task rings: plain arithmetic over its fields, used by every save and by the reminder scan."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tasks_app.models import Task


def reminder_instants(task: Task) -> list[datetime]:
    """The task's reminders, oldest first: reminder_at, or due_at less each offset."""
    if task.reminder_at is not None:
        return [task.reminder_at]
    if task.due_at is None:
        return []
    return sorted(task.due_at - timedelta(minutes=minutes) for minutes in task.reminder_offsets)


def is_silent(task: Task) -> bool:
    """Whether the task must not ring: done, archived or in the trash."""
    return task.completed or task.archived or task.deleted_at is not None


def next_reminder(task: Task) -> datetime | None:
    """The first instant still to ring, None when there is none. A snooze mutes the rest until it ends."""
    if is_silent(task):
        return None
    claimed = task.reminded_until
    if task.snoozed_until is not None and (claimed is None or task.snoozed_until > claimed):
        return task.snoozed_until
    return next((at for at in reminder_instants(task) if claimed is None or at > claimed), None)
