"""The next occurrence of a completed task.

Everything is computed from the event, so the result is the same however often and however late it is handled.
Unique keys make sure that there is one successor: generated_from, and series_id with occurrence_at. If the
successor was erased and the event comes again, the slot of the completed task says that it was handled.
Source: docs/decisions/0004-one-successor.md.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.db import connection

from accounts_app.models import User
from events_app.catalogue import TaskData
from recurrence.rules import Series
from tasks_app import task_writes
from tasks_app.models import DEFAULT_PRIORITY_ID, OPEN, Task
from tasks_app.task_writes import Draft

# Plain SQL: with the ORM's statements, which were twice as many, the next occurrence took twice the time
# (docs/decisions/0023-what-a-request-costs.md). The parameters are fields of TaskData.
_LOCK = "SELECT id FROM tasks WHERE id IN (%(id)s, %(parent_task_id)s) ORDER BY id FOR NO KEY UPDATE"
# Writes no row if this completion or a later one is recorded in the slot.
_RECORD = """
    INSERT INTO series_slots (user_id, series_id, slot_at, outcome, recorded_at)
    VALUES (%(user_id)s, %(series_id)s, %(occurrence_at)s, 'done', %(completed_at)s)
    ON CONFLICT (series_id, slot_at) DO UPDATE
    SET outcome = excluded.outcome, recorded_at = excluded.recorded_at
    WHERE series_slots.recorded_at < excluded.recorded_at
"""
# The next occurrence is after the completion, so only the slots after it can be taken.
_LOOK_UP = """
    SELECT EXISTS (SELECT FROM tasks WHERE generated_from_id = %(id)s),
        ARRAY(SELECT occurrence_at FROM tasks
              WHERE series_id = %(series_id)s AND occurrence_at > %(completed_at)s),
        (SELECT id FROM priorities WHERE id = %(priority_id)s),
        ARRAY(SELECT id FROM tags WHERE user_id = %(user_id)s AND id = ANY(%(tag_ids)s))
"""


def create_next_occurrence(done: TaskData) -> Task | None:
    """Create the next occurrence; None if there is none, or if this completion was handled before."""
    series = _series(done)
    # Locked, as closing the account does, so that no task is created after its erasure.
    if series is None or not User.objects.lock_unless_closed(done.user_id):
        return None
    with connection.cursor() as cursor:
        # Another handler of the same completion waits here, and then finds the successor.
        cursor.execute(_LOCK, vars(done))
        there = {pk for (pk,) in cursor.fetchall()}
        cursor.execute(_RECORD, vars(done))
        if not cursor.rowcount:
            return None
        cursor.execute(_LOOK_UP, vars(done))
        has_successor, taken, priority_id, tag_ids = cursor.fetchone()
    slot = None if has_successor else _free_slot(series, done, taken, is_erased=done.id not in there)
    if slot is None:
        return None
    head_id = done.parent_task_id or done.id
    task = Task(
        **_inherited(done, slot),
        # Unless an operator has deleted it since.
        priority_id=priority_id or DEFAULT_PRIORITY_ID,
        generated_from_id=done.id if done.id in there else None,
        parent_task_id=head_id if head_id in there else None,
    )
    task_writes.create([Draft(task, tag_ids)])
    return task


def _series(done: TaskData) -> Series | None:
    """The series that goes on after the task; None when there is none."""
    if done.deleted_at is not None:  # its deletion has ended the series
        return None
    if done.recurrence_rule is None or done.anchor_local is None or done.occurrence_at is None:
        return None
    return Series(
        rule=done.recurrence_rule, timezone=done.timezone, anchor=done.anchor_local, until=done.recurrence_end
    )


def _free_slot(
    series: Series, done: TaskData, taken: Collection[datetime], *, is_erased: bool
) -> datetime | None:
    """The slot of the next occurrence; None when the series is over or goes on without this task.

    A slot may be taken: by the successor of a task that has been erased since (`is_erased`); by a later
    occurrence that is still open; or, if the period counts from an early completion, by one that was
    completed before: then the next free slot is used.
    """
    assert done.occurrence_at is not None
    assert done.completed_at is not None
    slot = series.after_completion(done.occurrence_at, done.completed_at, done.recurrence_mode)
    if slot in taken and (is_erased or _has_open_one(done)):
        return None
    return series.after_completion(done.occurrence_at, done.completed_at, done.recurrence_mode, taken)


def _has_open_one(done: TaskData) -> bool:
    others = Task.objects.filter(series_id=done.series_id).exclude(pk=done.id)
    return others.filter(OPEN).exists()


def _inherited(done: TaskData, slot: datetime) -> dict[str, Any]:
    """The fields that an occurrence inherits: not what happened to the previous one (a snooze)."""
    return {
        "user_id": done.user_id,
        "title": done.title,
        "description": done.description,
        "color": done.color,
        "pinned": done.pinned,
        "due_at": slot if done.due_at else None,
        "reminder_at": _reminder_at(done, slot),
        "reminder_offsets": done.reminder_offsets,
        # Reminders between the completion and a late handling still ring; those before the completion do not.
        "reminded_until": done.completed_at,
        "is_recurring": True,
        "recurrence_rule": done.recurrence_rule,
        "recurrence_end": done.recurrence_end,
        "recurrence_mode": done.recurrence_mode,
        "timezone": done.timezone,
        "series_id": done.series_id,
        "anchor_local": done.anchor_local,
        "occurrence_at": slot,
    }


def _reminder_at(done: TaskData, slot: datetime) -> datetime | None:
    """At the same distance from the due time as before; without one the reminder is the occurrence itself."""
    if done.reminder_at is None:
        return None
    return slot + (done.reminder_at - done.due_at) if done.due_at else slot
