"""Quiet hours: each local day from one time of day to another, in which reminders wait.

Pure arithmetic, without models and clock. Both ends are read as a named rule reads its time: in a gap with
the offset before it (02:30 is 03:30 that day), in a fold at the first pass.
"""

from datetime import datetime, time, timedelta
from typing import Protocol

from recurrence.rules import instant_of, local_of

_DAY = timedelta(days=1)
# On which quiet hours may have begun: two days before, where a zone skips a day, and the next one, where
# clocks go back over midnight.
_DAYS = (0, -1, -2, 1)


class HasQuietHours(Protocol):
    """A user. Both ends are None, or neither is, and they differ; the end may be on the next day."""

    quiet_from: time | None
    quiet_to: time | None
    timezone: str


def end_of_quiet_hours(user: HasQuietHours, at: datetime) -> datetime | None:
    """When the quiet hours end that the instant `at` lies in; None if it lies in none.

    They begin with quiet_from and end before quiet_to.
    """
    if user.quiet_from is None or user.quiet_to is None:
        return None
    today = local_of(at, user.timezone).date()
    for days in _DAYS:
        local = datetime.combine(today + days * _DAY, user.quiet_from)
        begin = instant_of(local, user.timezone)
        if begin is not None and begin <= at < (end := _end(user, local)):
            # A gap can skip the rest of the day, where there are only minutes until the next ones begin.
            return end_of_quiet_hours(user, end) or end
    return None


def _end(user: HasQuietHours, begin: datetime) -> datetime:
    """The end of the quiet hours that begin at this local time."""
    assert user.quiet_to is not None
    first = datetime.combine(begin.date(), user.quiet_to)
    if first <= begin:
        first += _DAY
    # A zone may skip a day (Apia, 30 December 2011): they end on the day after it.
    ends = (instant_of(local, user.timezone) for local in (first, first + _DAY))
    return next(end for end in ends if end is not None)
