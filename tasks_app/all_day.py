"""All-day tasks: due on a local day, `due_date`, and so at the last minute of it, `due_at`.

Plain arithmetic over a record of the columns, without models. Source: docs/decisions/0029-all-day-tasks.md.
"""

from datetime import date, datetime, time, timedelta
from typing import Protocol

from recurrence.rules import instant_of, last_minute_of, local_of

_DAY_MINUTES = 24 * 60


class AllDayFields(Protocol):
    """The columns that say when a task is due, and on which days its reminders count back from."""

    all_day: bool
    due_date: date | None
    due_at: datetime | None
    timezone: str
    # The owner's day_starts_at when this was written; only of an all-day task.
    day_starts_at: time | None


def derive_due(task: AllDayFields, before: AllDayFields | None) -> None:
    """Make due_date and due_at agree: what was changed holds, and a new time makes the task timed.

    `before` is the row before the change, None for a new task. Raises ValueError for a day that the zone does
    not have, which tasks_app/validity.py refuses first, and RuleError for an unknown zone.
    """
    if before is not None and task.due_date == before.due_date:
        if task.due_at == before.due_at and task.timezone == before.timezone:
            return
        if task.due_at not in (before.due_at, due_at_of(task)):
            task.due_date = None
    elif before is not None and task.due_date is None and task.due_at == before.due_at:
        task.due_at = None
    if task.due_date is not None:
        task.due_at = due_at_of(task)
        if task.due_at is None:
            raise ValueError(f"There is no {task.due_date} in {task.timezone}.")
    task.all_day = task.due_date is not None
    task.day_starts_at = task.day_starts_at if task.all_day else None


def due_at_of(task: AllDayFields) -> datetime | None:
    """The last minute of the task's due_date; None without one, or where the zone does not have that day."""
    return None if task.due_date is None else last_minute_of(task.due_date, task.timezone)


def day_of(due_at: datetime, timezone: str) -> date:
    """The local day on which an all-day task with this due_at is due."""
    return local_of(due_at, timezone).date()


def reminder_before(task: AllDayFields, minutes: int) -> datetime:
    """The instant of a reminder of an all-day task, so many minutes before its day starts.

    Whole days are local days, the rest are exact minutes.
    """
    assert task.due_date is not None
    assert task.due_at is not None
    days, rest = divmod(minutes, _DAY_MINUTES)
    start = datetime.combine(task.due_date - timedelta(days=days), task.day_starts_at or time(9))
    # A day that the zone does not have (Apia, 30 December 2011) is passed over.
    at = instant_of(start, task.timezone) or task.due_at - timedelta(days=days)
    return at - timedelta(minutes=rest)
