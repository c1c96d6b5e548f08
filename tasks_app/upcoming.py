"""What is still to come of a series."""

from contextlib import suppress
from datetime import datetime

from recurrence.rules import Mode, RuleError
from tasks_app.models import Task
from tasks_app.occurrences import ends_with, series_of

UPCOMING = 5


def upcoming(task: Task, *, now: datetime) -> list[datetime]:
    """The next slots after this occurrence, at most UPCOMING, if each is completed in its time, or now.

    None without a rule that can be computed, or if the series ends with it.
    """
    series, slot = series_of(task), task.occurrence_at
    mode: Mode = "after_completion" if task.recurrence_mode == "after_completion" else "fixed"
    slots: list[datetime] = []
    if series is None or slot is None or ends_with(series, slot):
        return slots
    with suppress(RuleError):  # of a rule that an earlier version accepted
        while len(slots) < UPCOMING and slot is not None:
            slot = series.after_completion(slot, max(slot, now), mode)
            if slot is not None:
                slots.append(slot)
    return slots
