"""The days of an `rrule:` from an anchor: RFC 5545, 3.3.10, on local dates, by sets.

They import nothing of the project but months, day_sets, calendars and rrule_syntax.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import cached_property, lru_cache
from math import lcm

from recurrence.calendars import DAY
from recurrence.day_sets import (
    ByShape,
    Days,
    DaysByMonth,
    EndlessDays,
    Months,
    Periodic,
    PickedFromWeeks,
    PickedFromYears,
    Stepped,
)
from recurrence.months import (
    SHAPES,
    YEARS_OF_ALL_SHAPES,
    all_days,
    bits,
    days_of_month_days,
    days_of_numbered,
    days_of_weekdays,
    mask_of,
    month_number,
    picked,
    shapes_of_year,
)
from recurrence.rrule_syntax import RRule

YEARS_BETWEEN_MATCHES = 50


@dataclass(frozen=True)
class Bounded:
    """The days of a series: none before its first day, none after its COUNT or after 50 years without one."""

    days: EndlessDays
    first: date
    limit: int | None

    def includes(self, day: date) -> bool:
        return self.first <= day and self.days.includes(day) and self._has(day)

    def on_or_after(self, day: date) -> date | None:
        found = self.days.on_or_after(day if day > self.first else self.first)
        return found if found is None or found <= self._certain or self._has(found) else None

    def count(self, first: date, last: date, most: int | None = None) -> int:
        last = self._reached(last)
        if self.limit is None or self._counted(last) <= self.limit:
            return self.days.count(max(first, self.first), last)
        before = self._count_to(first - DAY) if first > self.first else 0
        return max(0, self._count_to(last) - before)

    def _has(self, match: date) -> bool:
        """Whether the series has not ended before this match of the rule."""
        if self._reached(match) != match:
            return False
        return self.limit is None or self._counted(match) <= self.limit

    def _count_to(self, day: date) -> int:
        counted = self._counted(self._reached(day))
        return counted if self.limit is None else min(counted, self.limit)

    @cached_property
    def _counted(self) -> Callable[[date], int]:
        """How many matches the rule has from the first day to another, counted no further than COUNT asks."""
        enough = None if self.limit is None else self.limit + 1
        return lru_cache(maxsize=64)(lambda day: self.days.count(self.first, day, enough))

    @cached_property
    def _certain(self) -> date:
        """A day up to which the series has every match: there is one a day at most."""
        sure = date.max.toordinal() if self.limit is None else self.first.toordinal() + self.limit - 1
        return min(date.fromordinal(min(sure, date.max.toordinal())), _years_later(self.first))

    def _reached(self, day: date) -> date:
        """The last day up to this one before which there is no pause of more than 50 years.

        It goes by leaps of up to 50 years, from the newest day within them to the next.
        """
        known = self.first
        while (horizon := _years_later(known)) < day:
            newest = self.days.on_or_before(horizon)
            if newest is None or newest <= known:
                return known
            known = newest
        return day


def _years_later(day: date) -> date:
    year = day.year + YEARS_BETWEEN_MATCHES
    if year > date.max.year:
        return date.max
    return date(year, day.month, 28) if (day.month, day.day) == (2, 29) else day.replace(year=year)


def days_of(rule: RRule, anchor: date) -> Days:
    """The days of a rule from an anchor on, which is one of them only where the rule matches it."""
    days = _endless_days(rule.from_anchor(anchor), anchor)
    if rule.count is None and isinstance(days, Periodic):  # its pauses are of 19 years at most
        return days
    return Bounded(days, anchor, rule.count)


def ever_matches(rule: RRule) -> bool:
    """Whether there is an anchor from which the rule has a day."""
    rule = rule.from_anchor(date(2000, 1, 1))
    if rule.freq == "WEEKLY":
        return bool(_offsets_in_week(rule))
    days = ByShape(Months.of_a_year(rule.months or range(1, 13)), YEARS_BETWEEN_MATCHES, _masks(rule))
    if rule.freq == "YEARLY" and rule.positions:
        fewest = min(map(abs, rule.positions))
        years = (days.count(date(year, 1, 1), date(year, 12, 31)) for year in YEARS_OF_ALL_SHAPES)
        return any(number >= fewest for number in years)
    return not days.is_empty


def _endless_days(rule: RRule, anchor: date) -> EndlessDays:
    match rule.freq:
        case "DAILY" if not (rule.months or rule.month_days):
            return _every_few_days(rule, anchor)
        case "DAILY":
            return _stepped(rule, _by_shape(rule, anchor), anchor.toordinal(), 1)
        case "WEEKLY":
            return _weekly(rule, anchor)
        case "YEARLY" if rule.positions:
            return _picked_from_years(_by_shape(rule, anchor), rule.positions)
        case _:
            return _by_shape(rule, anchor)


def _every_few_days(rule: RRule, anchor: date) -> Periodic:
    start = anchor.toordinal()
    if not rule.weekdays:
        return Periodic(start, rule.interval, (0,))
    cycle = lcm(rule.interval, 7)
    days = (day for day in range(0, cycle, rule.interval) if (anchor.weekday() + day) % 7 in rule.weekdays)
    return Periodic(start, cycle, tuple(days))


def _weekly(rule: RRule, anchor: date) -> EndlessDays:
    start = anchor.toordinal() - (anchor.weekday() - rule.week_start) % 7
    if not rule.months:
        return Periodic(start, 7 * rule.interval, _offsets_in_week(rule))
    days: DaysByMonth = _by_shape(rule, anchor)
    if rule.positions:
        days = PickedFromWeeks(days.months, days.years, rule.weekdays, rule.week_start, rule.positions)
    return _stepped(rule, days, start, 7)


def _offsets_in_week(rule: RRule) -> tuple[int, ...]:
    """The days of a week that the rule has, counted from WKST."""
    days = sorted((weekday - rule.week_start) % 7 for weekday in rule.weekdays)
    return tuple(sorted(set(picked(days, rule.positions)))) if rule.positions else tuple(days)


def _picked_from_years(days: ByShape, positions: frozenset[int]) -> PickedFromYears:
    named = {place % 12 for place in days.months.places}
    masks = {}
    for year in YEARS_OF_ALL_SHAPES:
        months = [days.mask(12 * year + month) if month in named else 0 for month in range(12)]
        masks[shapes_of_year(year)] = _pick_from_months(months, positions)
    picked_months = {month for year in masks.values() for month in range(12) if year[month]}
    places = tuple(place for place in days.months.places if place % 12 in picked_months)
    return PickedFromYears(Months(days.months.cycle, places), days.years, masks)


def _pick_from_months(months: list[int], positions: frozenset[int]) -> list[int]:
    sizes = [month.bit_count() for month in months]
    total, found = sum(sizes), [0] * len(months)
    for position in positions:
        left = position - 1 if position > 0 else total + position
        if 0 <= left < total:
            month = next(month for month in range(len(months)) if left < sum(sizes[: month + 1]))
            found[month] |= 1 << bits(months[month])[left - sum(sizes[:month])]
    return found


def _stepped(rule: RRule, days: DaysByMonth, start: int, run: int) -> DaysByMonth:
    if rule.interval == 1:
        return days
    return Stepped(days.months, days.years, days, start, run, run * rule.interval)


def _by_shape(rule: RRule, anchor: date) -> ByShape:
    return ByShape(_months(rule, anchor), YEARS_BETWEEN_MATCHES, _masks(rule))


def _months(rule: RRule, anchor: date) -> Months:
    """The months that may have days, INTERVAL of months and years included."""
    match rule.freq:
        case "MONTHLY":
            start, run, step = month_number(anchor), 1, rule.interval
        case "YEARLY":
            start, run, step = anchor.year * 12, 12, 12 * rule.interval
        case _:
            start, run, step = 0, 1, 1
    cycle = lcm(step, 12) if rule.months else step
    places = (
        place
        for place in range(cycle)
        if (place - start) % step < run and (not rule.months or place % 12 + 1 in rule.months)
    )
    return Months(cycle, tuple(places))


@lru_cache(maxsize=1024)
def _masks(rule: RRule) -> tuple[int, ...]:
    """The days of a month by its shape. BYSETPOS of a month is applied; that of a week or year is not."""
    masks = [_mask(rule, first, length) for first, length in SHAPES]
    if rule.freq == "MONTHLY" and rule.positions:
        masks = [mask_of(picked(bits(mask), rule.positions)) for mask in masks]
    return tuple(masks)


def _mask(rule: RRule, first: int, length: int) -> int:
    """The days with BYMONTHDAY and BYDAY, in a month of this shape."""
    mask = days_of_month_days(rule.month_days, length) if rule.month_days else all_days(length)
    if rule.weekdays or rule.numbered:
        every = days_of_weekdays(rule.weekdays, first, length)
        mask &= every | days_of_numbered(rule.numbered, first, length)
    return mask
