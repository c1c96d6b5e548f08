"""What follows from the fields of a task: completed_at, its series, its next reminder, its version.

Plain arithmetic over a record of the columns, without models. Every write of a task calls this once, between
the lock and the SQL (tasks_app/task_writes.py).
"""

from datetime import datetime
from typing import Protocol
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

from events_app.catalogue import TaskData
from recurrence.rules import instant_of, zone
from tasks_app.reminding import Reminded, is_silent, next_reminder, reminder_instants

# The fields that others can see. A change of another column is not a change of the task.
VISIBLE = set(TaskData.model_fields) - {"id", "user_id", "version", "created_at", "updated_at"}


class TaskFields(Reminded, Protocol):
    """The columns of a task that others are derived from, and those derived."""

    user_id: UUID
    completed_at: datetime | None
    reminder_sent: bool
    next_reminder_at: datetime | None
    is_recurring: bool
    recurrence_rule: str | None
    timezone: str
    series_id: UUID | None
    anchor_local: datetime | None
    occurrence_at: datetime | None
    parent_task_id: int | None
    recurring_task_id: int | None
    version: int
    created_at: datetime
    updated_at: datetime


def derive_new(task: TaskFields, *, now: datetime) -> None:
    """Derive the fields of a task that is being created. Its `timezone` is set.

    Raises RuleError when the series cannot be computed (a time zone that does not exist).
    """
    task.completed_at = (task.completed_at or now) if task.completed else None
    _derive_series(task, None)
    if task.reminder_offsets and task.reminded_until is None:
        task.reminded_until = now
    task.next_reminder_at = next_reminder(task)
    task.updated_at = task.created_at


def derive(task: TaskFields, before: TaskFields, *, now: datetime, retagged: bool) -> set[str]:
    """Derive the fields of a changed task; the names of those that differ from `before`, its locked row.

    `retagged`: its tags change, which others see too.
    Raises RuleError as above, and ValueError if the user changes: consumers of its events would not notice.
    """
    if task.user_id != before.user_id:
        raise ValueError("The user of a task cannot change.")
    if not task.completed:
        task.completed_at = None
    elif not before.completed:
        task.completed_at = task.completed_at or now
    _derive_series(task, before)
    _derive_reminders(task, before, now)
    changed = {name for name, value in vars(before).items() if getattr(task, name) != value}
    if changed & VISIBLE or retagged:
        task.version = before.version + 1
        task.updated_at = now
        changed |= {"version", "updated_at"}
    return changed


def _derive_series(task: TaskFields, before: TaskFields | None) -> None:
    if before is not None and before.is_recurring and not task.is_recurring:
        task.recurrence_rule = None
    task.is_recurring = task.recurrence_rule is not None
    if not task.is_recurring:
        task.series_id = task.anchor_local = None
        if task.recurring_task_id is None:
            task.occurrence_at = None
    elif task.series_id is None or (before is not None and _rhythm(task) != _rhythm(before)):
        _start_series(task)


def _rhythm(task: TaskFields) -> tuple[str | None, str]:
    return task.recurrence_rule, task.timezone


def _start_series(task: TaskFields) -> None:
    """A series begins with this task; a new rule or zone ends the old series and begins another."""
    local = anchor_of(task, zone(task.timezone))
    task.series_id = uuid4()
    task.anchor_local = local
    task.occurrence_at = instant_of(local, task.timezone)
    task.parent_task_id = None


def anchor_of(task: TaskFields, tz: ZoneInfo) -> datetime:
    """The local time that a series which begins with this task is counted from."""
    anchor = task.due_at or task.reminder_at or task.created_at
    return anchor.astimezone(tz).replace(tzinfo=None, second=0, microsecond=0, fold=0)


def _derive_reminders(task: TaskFields, before: TaskFields, now: datetime) -> None:
    if reminder_instants(task) != reminder_instants(before):
        # New times: offsets that have passed are skipped, a time set outright rings even when late.
        task.reminded_until = now if task.reminder_offsets else None
        if task.reminder_sent == before.reminder_sent:
            task.reminder_sent = False
        if task.snoozed_until == before.snoozed_until:
            task.snoozed_until = None
    elif is_silent(before) and not is_silent(task):
        task.reminded_until = max(task.reminded_until or now, now)
    task.next_reminder_at = next_reminder(task)
