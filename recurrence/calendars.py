"""Which local times a rule names, without a zone: closed form for the named rules, croniter for cron.

Local times are naive and to the minute. A leaf: it imports nothing of the project but cron_syntax beside
it.
"""

from abc import ABC, abstractmethod
from bisect import bisect_right
from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from itertools import accumulate, pairwise
from typing import Protocol

from croniter import croniter

from recurrence.cron_syntax import Cron

DAY = timedelta(days=1)
WEEK = timedelta(weeks=1)
MINUTES_OF_A_DAY = 24 * 60
# 29 February is at most 8 years away (1896 to 1904). What waits longer than this has no next.
YEARS_BETWEEN_MATCHES = 10


class Calendar(Protocol):
    """The local times of a rule, in order."""

    def after(self, local: datetime) -> datetime | None:
        """The first one strictly after `local`. None or OverflowError when there is none."""

    def count(self, first: datetime, last: datetime) -> int:
        """How many lie in (first, last]; negative when last is before first."""


class NamedCalendar(ABC):
    """Local times numbered from 0, the first at or after the anchor; no answer costs more far from it."""

    @abstractmethod
    def at(self, number: int) -> datetime:
        """The local time with this number. Raises OverflowError beyond year 9999."""

    @abstractmethod
    def number(self, local: datetime) -> int:
        """The number of the newest one at or before `local`; negative before the first."""

    def after(self, local: datetime) -> datetime:
        return self.at(max(self.number(local), -1) + 1)

    def newest(self, local: datetime) -> datetime | None:
        """The newest one at or before `local`."""
        number = self.number(local)
        return None if number < 0 else self.at(number)

    def count(self, first: datetime, last: datetime) -> int:
        return max(self.number(last), -1) - max(self.number(first), -1)


@dataclass(frozen=True)
class Every(NamedCalendar):
    """`daily` and `weekly`: the anchor's time of day every step."""

    anchor: datetime
    step: timedelta

    def at(self, number: int) -> datetime:
        return self.anchor + number * self.step

    def number(self, local: datetime) -> int:
        return (local - self.anchor) // self.step


@dataclass(frozen=True)
class Monthly(NamedCalendar):
    """`monthly`: the anchor's day, clamped to the month's last: 31, 28, 31, 30.

    An anchor on 28 February stays the 28th.
    """

    anchor: datetime

    def at(self, number: int) -> datetime:
        year, month = divmod(_months(self.anchor) + number, 12)
        if year > date.max.year:
            raise OverflowError("The year is beyond 9999.")
        day = min(self.anchor.day, monthrange(year, month + 1)[1])
        return self.anchor.replace(year=year, month=month + 1, day=day)

    def number(self, local: datetime) -> int:
        number = _months(local) - _months(self.anchor)
        return number if self.at(number) <= local else number - 1


@dataclass(frozen=True)
class Weekdays(NamedCalendar):
    """`weekdays`: Monday to Friday at the anchor's time of day; from a weekend, from the Monday on."""

    anchor: datetime

    def at(self, number: int) -> datetime:
        weeks, weekday = divmod(number + self._first, 5)
        return self._monday + weeks * WEEK + weekday * DAY

    def number(self, local: datetime) -> int:
        weeks, weekday = divmod((local - self._monday) // DAY, 7)
        return weeks * 5 + min(weekday, 4) - self._first

    @property
    def _monday(self) -> datetime:
        return self.anchor - self.anchor.weekday() * DAY

    @property
    def _first(self) -> int:
        return min(self.anchor.weekday(), 5)


@dataclass(frozen=True)
class CronCalendar:
    """The minutes of a cron rule, with day of month and weekday joined as in Debian's cron (`both_days`)."""

    cron: Cron

    def after(self, local: datetime) -> datetime | None:
        # On naive local time croniter agrees with Debian's cron; on aware ones it errs where clocks change.
        times = croniter(
            self.cron.text,
            local,
            ret_type=datetime,
            implement_cron_bug=True,
            max_years_between_matches=YEARS_BETWEEN_MATCHES,
        )
        try:
            found: datetime = times.get_next()
        except (ValueError, OverflowError):  # CroniterBadDateError, a ValueError; or beyond year 9999
            return None
        return found

    def count(self, first: datetime, last: datetime) -> int:
        """Arithmetic by month: well under a microsecond for each month in between, however dense the rule."""
        if last < first:
            return -self.count(last, first)
        days = self._days(first.date(), last.date())
        return days * len(self.times) + self._up_to(last) - self._up_to(first)

    def includes(self, day: date) -> bool:
        return day.month in self.cron.months and self._matches(day.day, day.isoweekday())

    def ever_matches(self) -> bool:
        return any(map(self.includes, _cycle()))

    def is_denser_than(self, interval: timedelta) -> bool:
        """Whether two matches are less than `interval`, at most a day, apart by the wall clock."""
        minutes = interval / timedelta(minutes=1)
        if any(later - earlier < minutes for earlier, later in pairwise(self.times)):
            return True
        over_midnight = self.times[0] + MINUTES_OF_A_DAY - self.times[-1]
        return over_midnight < minutes and any(map(self._includes_next_too, _cycle()))

    @cached_property
    def times(self) -> list[int]:
        """The matching minutes of a matching day, counted from midnight, in order."""
        return sorted(hour * 60 + minute for hour in self.cron.hours for minute in self.cron.minutes)

    @cached_property
    def _days_before(self) -> list[list[int]]:
        """[weekday of the 1st, Monday 0][day - 1]: in a month that matches, how many days before `day` do."""
        return [
            list(accumulate((self._matches(day, weekday + day) for day in range(1, 32)), initial=0))
            for weekday in range(7)
        ]

    def _matches(self, day: int, weekday: int) -> bool:
        both = (day in self.cron.days, weekday % 7 in self.cron.weekdays)
        return all(both) if self.cron.both_days else any(both)

    def _includes_next_too(self, day: date) -> bool:
        return self.includes(day) and self.includes(day + DAY)

    def _up_to(self, local: datetime) -> int:
        """How many matches the local day has up to this minute."""
        return bisect_right(self.times, local.hour * 60 + local.minute) if self.includes(local) else 0

    def _days(self, first: date, last: date) -> int:
        """How many days in [first, last) match."""
        total = 0
        for months in range(_months(first), _months(last) + 1):
            year, month = months // 12, months % 12 + 1
            if month in self.cron.months:
                weekday, length = monthrange(year, month)
                start = first.day if months == _months(first) else 1
                end = last.day if months == _months(last) else length + 1
                total += self._days_before[weekday][end - 1] - self._days_before[weekday][start - 1]
        return total


def _months(day: date) -> int:
    return day.year * 12 + day.month - 1


def _cycle() -> Iterator[date]:
    """The days of 28 years, in which every date falls on every weekday, 29 February too."""
    start, end = date(2001, 1, 1), date(2029, 1, 1)
    return (start + number * DAY for number in range((end - start).days))
