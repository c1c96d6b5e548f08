"""What the columns of a task say of its series: where it begins, its due dates, its reminder.

An occurrence may be changed alone, so what the series has is kept beside what the occurrence has:

    anchor_local        the local time from which the series is counted
    occurrence_at       the slot of this occurrence, which its due_at may leave
    series_has_due      whether occurrences are due
    series_all_day      whether they are due on a day, not at a time
    reminder_distance   minutes by the wall clock from an occurrence to its reminder_at: -780 is 20:00 on the
                        evening before 09:00, also where clocks change in between

Rows and events of an earlier version have null in the last three. Their series has what the row has, and
times. The anchor of an all-day series is at 00:00, and its reminder_distance counts from there.
Plain arithmetic over a record of the columns, without models. Source: docs/decisions/0026-this-one-or-all.md.
"""

from datetime import date, datetime, time, timedelta
from typing import Protocol
from uuid import UUID, uuid4

from events_app.catalogue import TaskData
from recurrence.rules import CRON, RuleError, Series, describe, instant_of, last_minute_of, local_of
from tasks_app.all_day import AllDayFields, day_of

MINUTE = timedelta(minutes=1)
# What an occurrence may have otherwise than its series, and what it says of the series.
_OF_ONE = ("due_at", "due_date", "reminder_at", "reminder_offsets", "series_has_due", "reminder_distance")


class SeriesFields(AllDayFields, Protocol):
    """The columns of a task that a series is read from and written to."""

    reminder_at: datetime | None
    reminder_offsets: list[int]
    is_recurring: bool
    recurrence_rule: str | None
    recurrence_end: datetime | None
    series_id: UUID | None
    anchor_local: datetime | None
    occurrence_at: datetime | None
    series_has_due: bool | None
    series_all_day: bool | None
    reminder_distance: int | None
    parent_task_id: int | None
    recurring_task_id: int | None
    created_at: datetime


SeriesRow = SeriesFields | TaskData


def derive_series(task: SeriesFields, before: SeriesFields | None) -> None:
    """Set what follows for the series; `before` is the row before the change, None for a new task.

    Raises RuleError when the series cannot be computed (a time zone that does not exist).
    """
    if before is not None and before.is_recurring and not task.is_recurring:
        task.recurrence_rule = None
    task.is_recurring = task.recurrence_rule is not None
    if not task.is_recurring:
        _leave_series(task)
    elif begins_series(task, before):
        _begin_series(task, before)
    elif before is not None and task.series_id == before.series_id:
        _go_on(task, before)


def begins_series(task: SeriesFields, before: SeriesFields | None) -> bool:
    """Whether a series begins with this task.

    It does with a first or another rule, in another zone, and with the first due date of a series without
    (or the first reminder of one that has neither). `series_id` set to null begins one in any case.
    """
    if task.recurrence_rule is None or before is None or task.series_id is None:
        return task.recurrence_rule is not None and task.series_id is None
    if task.series_id != before.series_id:  # it came back from the trash into the series of its predecessor
        return False
    if (task.recurrence_rule, task.timezone) != (before.recurrence_rule, before.timezone):
        return True
    if has_due(before):
        return False
    return task.due_at is not None or (task.reminder_at is not None and reminder_distance(before) is None)


def anchor_of(task: SeriesFields, before: SeriesFields | None) -> datetime:
    """The local time from which a series that begins with this task is counted.

    An occurrence that has not been moved keeps the time that its series had, also where a gap moved it.
    Raises RuleError.
    """
    if task.due_date is not None:
        return datetime.combine(task.due_date, time())
    series = before if before is not None and before.series_id is not None else None
    slot = None if series is None else series.occurrence_at
    begin = task.due_at or task.reminder_at or slot or task.created_at
    if series is None or series.anchor_local is None or series.timezone != task.timezone:
        return local_of(begin, task.timezone)
    usual = series.anchor_local.time() if begin.replace(second=0, microsecond=0) == slot else None
    return local_of(begin, task.timezone, usual)


def has_due(row: SeriesRow) -> bool:
    """Whether the occurrences of the row's series are due, whatever this one is."""
    return row.due_at is not None if row.series_has_due is None else row.series_has_due


def reminder_distance(row: SeriesRow) -> int | None:
    """Minutes by the wall clock from an occurrence of the row's series to its reminder_at; None if none."""
    if row.series_id is None or row.reminder_offsets:
        return None
    if row.reminder_distance is None and row.reminder_at is not None:  # of an earlier version
        return measured_distance(row)
    return row.reminder_distance


def reminder_of(row: SeriesRow, slot: datetime) -> datetime | None:
    """The reminder_at that the row's series gives the occurrence at this slot.

    Where a zone skips the day of the reminder, it is as long before the slot as the clock says.
    """
    distance = reminder_distance(row)
    if distance is None or row.anchor_local is None:
        return None
    local = _place_of(row, slot, row.anchor_local) + distance * MINUTE
    return instant_of(local, row.timezone) or slot + distance * MINUTE


def slot_at(anchor: datetime, timezone: str, *, all_day: bool) -> datetime | None:
    """The instant of the occurrence at the anchor; None where the zone does not have it."""
    return last_minute_of(anchor.date(), timezone) if all_day else instant_of(anchor, timezone)


def due_date_of(row: SeriesRow, slot: datetime) -> date | None:
    """The due_date that the row's series gives the occurrence at this slot; None in a series with times."""
    return day_of(slot, row.timezone) if row.series_all_day and has_due(row) else None


def text_of_rule(
    rule: str | None, anchor: datetime | None, timezone: str, *, all_day: bool | None = None
) -> str | None:
    """The rule of a series in plain English; None without a series."""
    if rule is None or anchor is None:
        return None
    try:
        return describe(rule, anchor=anchor, timezone=timezone, all_day=bool(all_day))
    except RuleError:  # it was accepted by an earlier version
        return rule


def _place_of(row: SeriesRow, at: datetime, anchor: datetime) -> datetime:
    """The local time of an occurrence, from which reminder_distance counts."""
    if row.series_all_day:
        return datetime.combine(day_of(at, row.timezone), anchor.time())
    return local_of(at, row.timezone, anchor.time())


def _leave_series(task: SeriesFields) -> None:
    task.series_id = task.anchor_local = task.recurrence_end = None
    task.series_has_due = task.series_all_day = task.reminder_distance = None
    if task.recurring_task_id is None:
        task.occurrence_at = None


def _begin_series(task: SeriesFields, before: SeriesFields | None) -> None:
    """Begin a series with this task. What the change leaves alone stays as the series so far had it."""
    anchor = anchor_of(task, before)
    if before is not None and before.series_id is not None:
        _take_rule(task, before)
    task.series_id, task.parent_task_id = uuid4(), None
    task.series_has_due, task.series_all_day = task.due_at is not None, task.due_date is not None
    task.anchor_local = anchor
    task.occurrence_at = slot_at(anchor, task.timezone, all_day=task.series_all_day)
    if before is None or not _keeps_reminder(task, before):
        task.reminder_distance = measured_distance(task)
        return
    task.reminder_distance = _shifted_distance(task, before)
    if task.due_at != before.due_at and task.occurrence_at and _reminder_stands(before):
        task.reminder_at = reminder_of(task, task.occurrence_at)


def _take_rule(task: SeriesFields, before: SeriesFields) -> None:
    """A rule that was not set again keeps what is left of its COUNT. It was if `anchor_local` is null."""
    if task.anchor_local is None or task.recurrence_rule != before.recurrence_rule:
        return
    if before.recurrence_rule and before.anchor_local and before.occurrence_at:
        series = Series(rule=before.recurrence_rule, timezone=before.timezone, anchor=before.anchor_local)
        day = _place_of(before, before.occurrence_at, before.anchor_local).date()
        task.recurrence_rule = series.rule_from(day)


def _keeps_reminder(task: SeriesFields, before: SeriesFields) -> bool:
    """Whether the reminder of the series so far goes on. Without due dates the reminder was its time."""
    is_set = (task.reminder_at, task.reminder_distance) != (before.reminder_at, before.reminder_distance)
    if is_set or task.reminder_offsets or reminder_distance(before) is None:
        return False
    return has_due(before) or task.reminder_at is None


def _reminder_stands(row: SeriesFields) -> bool:
    """Whether the reminder is where its series has it, by the clock: it may be set for a second pass."""
    given = row.occurrence_at and reminder_of(row, row.occurrence_at)
    if given is None or row.reminder_at is None:
        return False
    return local_of(given, row.timezone) == local_of(row.reminder_at, row.timezone)


def _shifted_distance(task: SeriesFields, before: SeriesFields) -> int | None:
    """The distance at which the reminder stays at its wall-clock time although the anchor has another."""
    distance = reminder_distance(before)
    rules = (task.recurrence_rule or "", before.recurrence_rule or "")
    # The occurrences of a cron rule have several times of day.
    if distance is None or task.timezone != before.timezone or any(rule.startswith(CRON) for rule in rules):
        return distance
    assert task.anchor_local is not None
    assert before.anchor_local is not None
    day = task.anchor_local.date()
    later = task.anchor_local - datetime.combine(day, before.anchor_local.time())
    return distance - later // MINUTE


def _go_on(task: SeriesFields, before: SeriesFields) -> None:
    """Change one occurrence: the series keeps what it has, and a first reminder becomes its own."""
    if all(getattr(task, name) == getattr(before, name) for name in _OF_ONE):
        return  # so that a row of an earlier version does not change by itself
    if task.series_has_due == before.series_has_due:
        task.series_has_due = has_due(before)
    if task.reminder_offsets:
        task.reminder_distance = None
    elif task.reminder_distance == before.reminder_distance:
        distance = reminder_distance(before)
        task.reminder_distance = measured_distance(task) if distance is None else distance


def measured_distance(row: SeriesRow) -> int | None:
    """The reminder_distance of the row's own reminder_at.

    Of an occurrence that was moved, from the place that it can be meant for: the first one not before it.
    """
    if row.reminder_at is None or row.anchor_local is None or row.occurrence_at is None:
        return None
    places = sorted({row.occurrence_at, row.due_at or row.occurrence_at})
    meant = next((place for place in places if place >= row.reminder_at), places[-1])
    occurrence = _place_of(row, meant, row.anchor_local)
    return (local_of(row.reminder_at, row.timezone) - occurrence) // MINUTE
