"""The next occurrence of a completed task.

Everything is computed from the event, so the result is the same however often and however late it is handled.
Unique keys make sure that there is one successor: generated_from, and series_id with occurrence_at. If the
successor was erased and the event comes again, the slot of the completed task says that it was handled.
Source: docs/decisions/0004-one-successor.md.
"""

from datetime import datetime
from typing import Any

from accounts_app.models import User
from events_app.catalogue import TaskData
from recurrence.rules import Series
from tasks_app.labels import Priority, Tag
from tasks_app.models import DEFAULT_PRIORITY_ID, OPEN, SeriesSlot, Task
from tasks_app.services import create_task


def create_next_occurrence(done: TaskData) -> Task | None:
    """Create the next occurrence; None if there is none, or if this completion was handled before."""
    series, owner = _series(done), _owner(done)
    if series is None or owner is None:
        return None
    # Another handler of the same completion waits here, and then finds the successor.
    rows = {task.pk: task for task in Task.objects.filter(pk__in=[done.id, done.parent_task_id]).locked()}
    if not _is_news(done) or Task.objects.filter(generated_from=done.id).exists():
        return None
    slot = _free_slot(series, done, alone=done.id in rows)
    if slot is None:
        return None
    return create_task(
        owner,
        tags=Tag.objects.filter(user=owner, pk__in=done.tag_ids),
        **_inherited(done, slot),
        priority_id=_priority_id(done),
        generated_from=rows.get(done.id),
        parent_task=rows.get(done.parent_task_id or done.id),
    )


def _owner(done: TaskData) -> User | None:
    """Locked, as closing the account does, so that no task is created after its erasure."""
    there = User.objects.filter(pk=done.user_id, deleted_at=None)
    return there.select_for_update(of=("self",), no_key=True).first()


def _series(done: TaskData) -> Series | None:
    """The series that goes on after the task; None when there is none."""
    if done.deleted_at is not None:  # its deletion has ended the series
        return None
    if done.recurrence_rule is None or done.anchor_local is None or done.occurrence_at is None:
        return None
    return Series(
        rule=done.recurrence_rule, timezone=done.timezone, anchor=done.anchor_local, until=done.recurrence_end
    )


def _is_news(done: TaskData) -> bool:
    """Record the completion in its slot; False if this or a later completion is recorded there."""
    assert done.occurrence_at is not None
    assert done.completed_at is not None
    slot, is_new = SeriesSlot.objects.get_or_create(
        series_id=done.series_id,
        slot_at=done.occurrence_at,
        defaults={
            "user_id": done.user_id,
            "outcome": SeriesSlot.Outcome.DONE,
            "recorded_at": done.completed_at,
        },
    )
    older = SeriesSlot.objects.filter(pk=slot.pk, recorded_at__lt=done.completed_at)
    return is_new or bool(older.update(outcome=SeriesSlot.Outcome.DONE, recorded_at=done.completed_at))


def _free_slot(series: Series, done: TaskData, *, alone: bool) -> datetime | None:
    """The slot of the next occurrence; None when the series is over or goes on without this task.

    A slot may be taken: by the successor of a task that has been erased since (`alone` is false); by a later
    occurrence that is still open; or, if the period counts from an early completion, by one that was
    completed before: then the next free slot is used.
    """
    assert done.occurrence_at is not None
    assert done.completed_at is not None
    occurrences = Task.objects.filter(series_id=done.series_id)
    slot = series.after_completion(done.occurrence_at, done.completed_at, done.recurrence_mode)
    while slot is not None and occurrences.filter(occurrence_at=slot).exists():
        if not alone or occurrences.filter(OPEN).exclude(pk=done.id).exists():
            return None
        slot = series.after_completion(slot, max(slot, done.completed_at), done.recurrence_mode)
    return slot


def _inherited(done: TaskData, slot: datetime) -> dict[str, Any]:
    """The fields that an occurrence inherits: not what happened to the previous one (a snooze)."""
    return {
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


def _priority_id(done: TaskData) -> int:
    """Its priority, unless an operator has deleted it since."""
    there = Priority.objects.filter(pk=done.priority_id).exists()
    return done.priority_id if there else DEFAULT_PRIORITY_ID
