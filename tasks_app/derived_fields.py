"""What follows from the fields of a task: completed_at, its series and slot, its next reminder, its version.

Plain arithmetic over a record of the columns, without models. Every write of a task calls this once, between
the lock and the SQL (tasks_app/task_writes.py).
"""

from datetime import datetime
from typing import Literal, Protocol
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

from events_app.catalogue import TaskData
from recurrence.rules import instant_of, zone
from tasks_app.reminding import Reminded, is_silent, next_reminder, reminder_instants

# The fields that others can see. A change of another column is not a change of the task.
VISIBLE = set(TaskData.model_fields) - {"id", "user_id", "version", "created_at", "updated_at"}
# A successor of which only these have changed is as its predecessor's completion left it.
UNTOUCHING = {"deleted_at", "slot_state", "parent_task_id"}

SlotState = Literal["open", "moved", "done", "skipped", "deleted"]


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
    slot_state: str | None
    untouched_version: int | None
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
    task.slot_state = slot_state_of(task)
    if task.reminder_offsets and task.reminded_until is None:
        task.reminded_until = now
    task.next_reminder_at = next_reminder(task)
    # An import was created earlier and is written now.
    task.updated_at = max(task.created_at, task.reminded_until or task.created_at)


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


def _derive_series(task: TaskFields, before: TaskFields | None) -> None:
    if before is not None and before.is_recurring and not task.is_recurring:
        task.recurrence_rule = None
    task.is_recurring = task.recurrence_rule is not None
    if not task.is_recurring:
        task.series_id = task.anchor_local = None
        if task.recurring_task_id is None:
            task.occurrence_at = None
    elif task.series_id is None or (before is not None and _begins_anew(task, before)):
        _start_series(task)


def _begins_anew(task: TaskFields, before: TaskFields) -> bool:
    # Another series: it came back from the trash into that of its predecessor, whose rule has changed.
    return task.series_id == before.series_id and _rhythm(task) != _rhythm(before)


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
        if task.reminded_until == before.reminded_until:
            task.reminded_until = now if task.reminder_offsets else None
        if task.reminder_sent == before.reminder_sent:
            task.reminder_sent = False
        if task.snoozed_until == before.snoozed_until:
            task.snoozed_until = None
    elif is_silent(before) and not is_silent(task) and task.reminded_until == before.reminded_until:
        task.reminded_until = max(task.reminded_until or now, now)
    task.next_reminder_at = next_reminder(task)
