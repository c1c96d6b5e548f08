"""The local times of a rule, without a zone: days of a set, and minutes of the day.

Local times are naive and to the minute. They import nothing of the project but the sets beside them.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache

from recurrence.day_sets import ByShape, Days, Months, Periodic
from recurrence.months import SHAPES, days_of_month_days

DAY = timedelta(days=1)
LAST_MINUTE = 24 * 60 - 1  # of a day


@dataclass(frozen=True)
class Calendar:
    """Each of `days` at each of `times`: minutes from midnight, in order."""

    days: Days
    times: Sequence[int]

    def after(self, local: datetime) -> datetime | None:
        """The first one strictly after `local`, with the same tzinfo or none; None when there is none."""
        day, index = local.date(), bisect_right(self.times, local.hour * 60 + local.minute)
        if index == len(self.times):
            if day == date.max:
                return None
            day, index = day + DAY, 0
        found = self.days.on_or_after(day)
        if found is None:
            return None
        hour, minute = divmod(self.times[index if found == day else 0], 60)
        return datetime(found.year, found.month, found.day, hour, minute, tzinfo=local.tzinfo)

    def count(self, first: datetime, last: datetime) -> int:
        """How many lie in (first, last]; negative when last is before first."""
        if last < first:
            return -self.count(last, first)
        day, end = first.date(), last.date()
        before = self.days.includes(day) and bisect_right(self.times, _minute(first))
        up_to_last = self.days.includes(end) and bisect_right(self.times, _minute(last))
        days = self.days.count(day, end - DAY) if day < end else 0
        return days * len(self.times) + up_to_last - before


def _minute(local: datetime) -> int:
    return local.hour * 60 + local.minute


def named_days(rule: str, anchor: date) -> Days:
    """The days of `daily`, `weekly`, `monthly` or `weekdays`."""
    match rule:
        case "daily":
            return Periodic(anchor.toordinal(), 1, (0,))
        case "weekly":
            return Periodic(anchor.toordinal(), 7, (0,))
        case "weekdays":
            return Periodic(1, 7, (0, 1, 2, 3, 4))  # 1 January of the year 1 is a Monday
        case _:
            return ByShape(Months(), 1, _clamped(anchor.day))


@lru_cache(maxsize=31)
def _clamped(day: int) -> tuple[int, ...]:
    """The day, or the last of a shorter month: 31, 28, 31, 30. The 28th stays the 28th."""
    return tuple(days_of_month_days([min(day, length)], length) for _, length in SHAPES)
