"""The next occurrence of a completed task.

All of it is computed from the event, so the answer is the same however often and however late it is
handled. That there is one successor is held by unique keys: generated_from, and series_id with occurrence_at.
Source: docs/decisions/0004-one-successor.md.
"""

from datetime import datetime
from typing import Any

from django.db.models import Q

from accounts_app.models import User
from events_app.catalogue import TaskData
from recurring_app.rules import Series
from tasks_app.models import DEFAULT_PRIORITY_ID, Priority, Tag, Task
from tasks_app.services import create_task


def create_next_occurrence(done: TaskData) -> Task | None:
    """Create what follows the completed task; None when nothing does or when it is there already."""
    slot = next_slot(done)
    owner = User.objects.filter(pk=done.user_id).first()
    if slot is None or owner is None:
        return None
    # Whoever handles the same completion at the same time waits here, then finds the successor.
    rows = {task.pk: task for task in Task.objects.filter(pk__in=[done.id, done.parent_task_id]).locked()}
    if Task.objects.filter(
        Q(generated_from=done.id) | Q(series_id=done.series_id, occurrence_at=slot)
    ).exists():
        return None
    return create_task(
        owner,
        tags=Tag.objects.filter(user=owner, pk__in=done.tag_ids),
        **_inherited(done, slot),
        priority_id=_priority_id(done),
        generated_from=rows.get(done.id),
        parent_task=rows.get(done.parent_task_id or done.id),
    )


def next_slot(done: TaskData) -> datetime | None:
    """The instant of the next occurrence; None when the task is of no series or its series is over."""
    if done.recurrence_rule is None or done.anchor_local is None or done.occurrence_at is None:
        return None
    assert done.completed_at is not None
    series = Series(
        rule=done.recurrence_rule, timezone=done.timezone, anchor=done.anchor_local, until=done.recurrence_end
    )
    return series.after_completion(done.occurrence_at, done.completed_at, done.recurrence_mode)


def _inherited(done: TaskData, slot: datetime) -> dict[str, Any]:
    """What an occurrence takes over: all but what happened to the one before (a snooze, a moved due date)."""
    return {
        "title": done.title,
        "description": done.description,
        "color": done.color,
        "pinned": done.pinned,
        "due_at": slot if done.due_at else None,
        "reminder_at": _reminder_at(done, slot),
        "reminder_offsets": done.reminder_offsets,
        # What comes due between the completion and a late handling still rings; what was past then does not.
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


def _priority_id(done: TaskData) -> int:
    """Its priority, unless an operator has deleted that since."""
    there = Priority.objects.filter(pk=done.priority_id).exists()
    return done.priority_id if there else DEFAULT_PRIORITY_ID
