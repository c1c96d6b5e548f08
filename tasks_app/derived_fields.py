"""What follows from the fields of a task: completed_at, its series and slot, its next reminder, its version;
and what indexes of its text hold, its words and its place in the order of titles.

Plain arithmetic over a record of the columns, without models. Every write of a task calls this once, between
the lock and the SQL (tasks_app/task_writes.py).
"""

from datetime import datetime
from typing import Literal, Protocol
from uuid import UUID

from events_app.catalogue import TaskData
from tasks_app.all_day import derive_due
from tasks_app.reminding import Reminded, is_silent, next_reminder, reminder_instants
from tasks_app.series import SeriesFields, derive_series
from tasks_app.title_order import title_key
from tasks_app.words import vector

# The fields that others can see. A change of another column is not a change of the task.
VISIBLE = set(TaskData.model_fields) - {"id", "user_id", "version", "created_at", "updated_at"}
# A successor of which only these have changed is as its predecessor's completion left it.
UNTOUCHING = {"deleted_at", "slot_state", "parent_task_id"}
# What derive_indexed() sets, and what from. No one sees these columns, so they are no change of a task.
INDEXED = {"words", "title_key"}
TEXT = {"title", "description"}

SlotState = Literal["open", "moved", "done", "skipped", "deleted"]


class TaskFields(Reminded, SeriesFields, Protocol):
    """The columns of a task that others are derived from, and those derived."""

    user_id: UUID
    title: str
    description: str | None
    completed_at: datetime | None
    reminder_sent: bool
    next_reminder_at: datetime | None
    slot_state: str | None
    untouched_version: int | None
    version: int
    updated_at: datetime
    words: str | None
    title_key: str | None


def derive_new(task: TaskFields, *, now: datetime) -> None:
    """Derive the fields of a task that is being created. Its `timezone` is set.

    Raises RuleError when the series cannot be computed (a time zone that does not exist).
    """
    task.completed_at = (task.completed_at or now) if task.completed else None
    derive_due(task, None)
    derive_series(task, None)
    task.slot_state = slot_state_of(task)
    if task.reminder_offsets and task.reminded_until is None:
        task.reminded_until = now
    task.next_reminder_at = next_reminder(task)
    # An import was created earlier and is written now.
    task.updated_at = max(task.created_at, task.reminded_until or task.created_at)
    derive_indexed(task)


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
    derive_due(task, before)
    derive_series(task, before)
    _derive_slot_state(task, before)
    _derive_reminders(task, before, now)
    changed = {name for name, value in vars(before).items() if getattr(task, name) != value}
    if changed & VISIBLE or retagged:
        task.version = before.version + 1
        task.updated_at = now
        changed |= {"version", "updated_at"}
        if before.untouched_version == before.version and not retagged and changed & VISIBLE <= UNTOUCHING:
            task.untouched_version = task.version
            changed.add("untouched_version")
    return changed


def derive_indexed(task: TaskFields) -> None:
    """Derive INDEXED from TEXT. Of a task that is there, only a write that changes its text does so."""
    task.words = vector(task.user_id, task.version, task.title, task.description)
    task.title_key = title_key(task.title)


def slot_state_of(task: TaskFields) -> SlotState | None:
    """What has become of the slot of this task; None if it has none."""
    if task.occurrence_at is None:
        return None
    if task.completed:
        return "done"
    if task.deleted_at is not None:
        return "skipped" if is_skipped(task) else "deleted"
    return "moved" if _is_moved(task) else "open"


def is_skipped(task: TaskFields) -> bool:
    """Whether the task is in the trash because it was skipped."""
    return task.slot_state == "skipped" and task.deleted_at is not None


def is_over(task: TaskFields) -> bool:
    """Whether the occurrence was completed or skipped, so that another follows it."""
    return task.completed or is_skipped(task)


def _is_moved(task: TaskFields) -> bool:
    """Whether the due time is not that of the slot, to the minute. A template's tasks may be due later."""
    if task.series_id is None or task.due_at is None:
        return False
    return task.due_at.replace(second=0, microsecond=0) != task.occurrence_at


def _derive_slot_state(task: TaskFields, before: TaskFields) -> None:
    state = slot_state_of(task)
    # A row from before there was this column: that it gets its state is not a change of the task.
    if before.slot_state is not None or state != slot_state_of(before):
        task.slot_state = state


def _derive_reminders(task: TaskFields, before: TaskFields, now: datetime) -> None:
    if reminder_instants(task) != reminder_instants(before):
        # New times: offsets that have passed are skipped, a time set outright rings even when late.
        if task.reminded_until == before.reminded_until:
            task.reminded_until = now if task.reminder_offsets else None
        if task.reminder_sent == before.reminder_sent:
            task.reminder_sent = False
        if task.snoozed_until == before.snoozed_until and not _follow_the_user(task, before):
            task.snoozed_until = None
    elif is_silent(before) and not is_silent(task) and task.reminded_until == before.reminded_until:
        task.reminded_until = max(task.reminded_until or now, now)
    if task.snoozed_until not in (None, before.snoozed_until):
        # What is chosen now is to ring, also if a clock that was ahead has claimed up to a later time.
        task.reminded_until = task.reminded_until and min(task.reminded_until, now)
    task.next_reminder_at = next_reminder(task)


def _follow_the_user(task: TaskFields, before: TaskFields) -> bool:
    """Whether reminders differ because the user's time zone or day_starts_at does: no one chose others."""
    is_same_day = task.due_date is not None and task.due_date == before.due_date
    return task.timezone != before.timezone or (is_same_day and task.day_starts_at != before.day_starts_at)
