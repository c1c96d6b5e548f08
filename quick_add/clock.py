"""The moment at which a sentence is said, and its zone."""

from calendar import monthrange
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cached_property

from quick_add.vocabulary import MONTH_NAMES, WEEKDAY_NAMES
from recurrence.rules import end_of_local_day, instant_of, last_minute_of, local_of, zone

LAST_YEAR = 8999
"""Of dates: the last one in which a task may be due."""


@dataclass(frozen=True)
class Clock:
    """`now` is aware, in any offset. Raises RuleError (bad_timezone) and ValueError (no offset)."""

    now: datetime
    timezone: str

    def __post_init__(self) -> None:
        local_of(self.now, self.timezone)

    @cached_property
    def today(self) -> date:
        return self.now.astimezone(zone(self.timezone)).date()

    def instant(self, day: date, at: time) -> datetime | None:
        """In this zone, at the first pass of a fold; None where the clocks skip this time."""
        local = datetime.combine(day, at)
        instant = instant_of(local, self.timezone)
        if instant is None or local_of(instant, self.timezone) != local:
            return None
        return self.in_zone(instant)

    def in_zone(self, instant: datetime) -> datetime:
        return instant.astimezone(zone(self.timezone))

    def has_day(self, day: date) -> bool:
        """Whether the zone's calendar has this day."""
        return last_minute_of(day, self.timezone) is not None

    def end_of(self, day: date) -> datetime:
        return self.in_zone(end_of_local_day(day, self.timezone))

    def after(self, days: int) -> date:
        """The day so many days after today. Raises OverflowError."""
        return self.today + timedelta(days=days)

    def next_weekday(self, weekday: int) -> date:
        """The next day after today that is this weekday."""
        return self.after((weekday - self.today.weekday() - 1) % 7 + 1)


def date_or_none(year: int, month: int, day: int) -> date | None:
    is_one = year >= 1 and 1 <= month <= 12 and 1 <= day <= last_day(year, month)
    return date(year, month, day) if is_one else None


def last_day(year: int, month: int) -> int:
    return monthrange(year, month)[1]


def months_later(day: date, months: int) -> date:
    """So many months later; in a month without that day, the month's last. Raises OverflowError."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    if year > LAST_YEAR:
        raise OverflowError("The year is too far away.")
    return date(year, month + 1, min(day.day, last_day(year, month + 1)))


def in_words(day: date) -> str:
    return f"{WEEKDAY_NAMES[day.weekday()]}, {day.day} {MONTH_NAMES[day.month - 1]} {day.year}"
