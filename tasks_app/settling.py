"""What follows from a change of a task: completed_at, its series, its next reminder, its version.

Every way to write a task passes here once, between the locked row and the write.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import uuid4
from zoneinfo import ZoneInfo

from events_app.catalogue import TaskData
from recurrence.rules import instant_of
from tasks_app.reminding import is_silent, next_reminder, reminder_instants

if TYPE_CHECKING:
    from tasks_app.models import Task

# What others can see of a task. A change of anything else is not a change of the task.
VISIBLE = set(TaskData.model_fields) - {"id", "user_id", "tag_ids", "version", "created_at", "updated_at"}


def settle(task: Task, before: Task | None, *, now: datetime, retagged: bool = False) -> set[str]:
    """Derive the fields that follow from the others; the names of what differs from `before`.

    `before` is the locked row, None for a task being created (then the answer is empty: all is written).
    `retagged`: its tags change, which others see too.
    Raises RuleError when the series cannot be computed (a time zone that does not exist), ValueError when the
    task would change hands: to those who follow its events it would still be the first one's.
    """
    if before is not None and task.user_id != before.user_id:
        raise ValueError("A task keeps its user.")
    _settle_completion(task, before, now)
    _settle_series(task, before)
    _settle_reminders(task, before, now)
    if before is None:
        task.updated_at = task.created_at
        return set()
    changed = {name for name in before.field_values() if getattr(task, name) != getattr(before, name)}
    if changed & VISIBLE or retagged:
        task.version = before.version + 1
        task.updated_at = now
        changed |= {"version", "updated_at"}
    return changed


def _settle_completion(task: Task, before: Task | None, now: datetime) -> None:
    if not task.completed:
        task.completed_at = None
    elif before is None or not before.completed:
        task.completed_at = task.completed_at or now


def _settle_series(task: Task, before: Task | None) -> None:
    task.timezone = task.timezone or task.user.timezone
    if before is not None and before.is_recurring and not task.is_recurring:
        task.recurrence_rule = None
    task.is_recurring = task.recurrence_rule is not None
    if task.recurrence_rule is None:
        _leave_series(task)
    elif task.series_id is None or (before is not None and _rhythm(task) != _rhythm(before)):
        _start_series(task)


def _rhythm(task: Task) -> tuple[str | None, str]:
    return task.recurrence_rule, task.timezone


def _leave_series(task: Task) -> None:
    task.series_id = task.anchor_local = None
    if task.recurring_task_id is None:
        task.occurrence_at = None


def _start_series(task: Task) -> None:
    """A series begins with this task; a new rule or zone ends the old series and begins another."""
    anchor = task.due_at or task.reminder_at or task.created_at
    local = anchor.astimezone(ZoneInfo(task.timezone)).replace(tzinfo=None, second=0, microsecond=0)
    task.series_id = uuid4()
    task.anchor_local = local
    task.occurrence_at = instant_of(local, task.timezone)
    task.parent_task_id = None


def _settle_reminders(task: Task, before: Task | None, now: datetime) -> None:
    if before is None:
        if task.reminder_offsets and task.reminded_until is None:
            task.reminded_until = now
    elif reminder_instants(task) != reminder_instants(before):
        _reset_reminders(task, before, now)
    elif is_silent(before) and not is_silent(task):
        task.reminded_until = max(task.reminded_until or now, now)
    task.next_reminder_at = next_reminder(task)


def _reset_reminders(task: Task, before: Task, now: datetime) -> None:
    """New times: offsets already past are skipped, a time set outright rings even when late."""
    task.reminded_until = now if task.reminder_offsets else None
    if task.reminder_sent == before.reminder_sent:
        task.reminder_sent = False
    if task.snoozed_until == before.snoozed_until:
        task.snoozed_until = None
