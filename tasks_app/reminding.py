"""When a task rings: plain arithmetic over its fields, for saves, the reminder scan and the deliveries.

Its instants are its reminders and, past them, the end of a snooze; each rings once (`reminded_until`).
"""

from datetime import datetime, timedelta
from typing import Protocol

from tasks_app.all_day import AllDayFields, reminder_before


class Reminded(AllDayFields, Protocol):
    """What decides when a task rings: all that this module reads of a task."""

    completed: bool
    archived: bool
    deleted_at: datetime | None
    reminder_at: datetime | None
    reminder_offsets: list[int]
    snoozed_until: datetime | None
    reminded_until: datetime | None


def reminder_instants(task: Reminded) -> list[datetime]:
    """The task's reminders, oldest first: reminder_at, or due_at less each offset.

    The offsets of an all-day task count back from the start of its day.
    """
    if task.reminder_at is not None:
        return [task.reminder_at]
    if task.due_at is None:
        return []
    if task.due_date is not None:
        return sorted(reminder_before(task, minutes) for minutes in task.reminder_offsets)
    return sorted(task.due_at - timedelta(minutes=minutes) for minutes in task.reminder_offsets)


def is_silent(task: Reminded) -> bool:
    """Whether the task must not ring: done, archived or in the trash."""
    return task.completed or task.archived or task.deleted_at is not None


def next_reminder(task: Reminded) -> datetime | None:
    """The first instant still to ring, None when there is none. A snooze mutes the rest until it ends."""
    if is_silent(task):
        return None
    if task.snoozed_until is not None and not _is_claimed(task, task.snoozed_until):
        return task.snoozed_until
    return next((at for at in reminder_instants(task) if not _is_claimed(task, at)), None)


def newest_due(task: Reminded, *, now: datetime) -> datetime | None:
    """The newest instant that is due and not claimed; None when there is none, or the task must not ring.

    Several overdue ones (offsets, or a snooze among them) are one late reminder.
    """
    if is_silent(task):
        return None
    return max((at for at in _instants(task) if at <= now and not _is_claimed(task, at)), default=None)


def still_rings_at(task: Reminded, at: datetime, *, now: datetime) -> bool:
    """Whether what was claimed for `at` is still wanted: the task open, the instant unmoved, no snooze on."""
    if is_silent(task) or not is_instant_of(task, at):
        return False
    return at == task.snoozed_until or task.snoozed_until is None or task.snoozed_until <= now


def is_instant_of(task: Reminded, at: datetime) -> bool:
    """Whether the task has a reminder, or the end of a snooze, at this instant."""
    return at in _instants(task)


def _instants(task: Reminded) -> list[datetime]:
    return [*reminder_instants(task), *([task.snoozed_until] if task.snoozed_until else [])]


def _is_claimed(task: Reminded, at: datetime) -> bool:
    return task.reminded_until is not None and at <= task.reminded_until
