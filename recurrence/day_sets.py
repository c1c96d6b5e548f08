"""Sets of local days, endless in both directions, and how to search and count them.

No answer walks from day to day: a search goes by months (and stops after a number of years), a count by
arithmetic. They import nothing of the project but months.
"""

from abc import ABC, abstractmethod
from bisect import bisect_left
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from math import inf
from typing import Protocol, Self

from recurrence.months import (
    LAST_MONTH,
    MONTHS_OF_A_CYCLE,
    SHAPE_OF_MONTH,
    SHAPES,
    YEARS_OF_ALL_SHAPES,
    all_days,
    bits,
    first_of,
    mask_of,
    month_number,
    picked,
    shape_of,
    shapes_of_year,
)

LAST_ORDINAL = date.max.toordinal()


class Days(Protocol):
    """A set of local days."""

    def includes(self, day: date) -> bool: ...

    def on_or_after(self, day: date) -> date | None: ...

    def count(self, first: date, last: date, most: int | None = None) -> int:
        """How many lie in [first, last]; 0 when last is before first. It may stop at `most`."""


class EndlessDays(Days, Protocol):
    """A set without a first or last day."""

    def on_or_before(self, day: date) -> date | None: ...


@dataclass(frozen=True)
class Periodic:
    """Days at `offsets` (in order) from a day with the number `start`, again every `cycle` days."""

    start: int
    cycle: int
    offsets: tuple[int, ...]

    def includes(self, day: date) -> bool:
        return (day.toordinal() - self.start) % self.cycle in self.offsets

    def on_or_after(self, day: date) -> date | None:
        ordinal, offsets = day.toordinal(), self.offsets
        if not offsets:
            return None
        place = (ordinal - self.start) % self.cycle
        index = bisect_left(offsets, place)
        ahead = offsets[index] if index < len(offsets) else self.cycle + offsets[0]
        return _day(ordinal - place + ahead)

    def on_or_before(self, day: date) -> date | None:
        return self._at(self._before(day.toordinal() + 1) - 1)

    def count(self, first: date, last: date, most: int | None = None) -> int:
        return max(0, self._before(last.toordinal() + 1) - self._before(first.toordinal()))

    def _before(self, ordinal: int) -> int:
        """How many lie between `start` and this day; negative before it."""
        turns, place = divmod(ordinal - self.start, self.cycle)
        return turns * len(self.offsets) + bisect_left(self.offsets, place)

    def _at(self, number: int) -> date | None:
        if not self.offsets:
            return None
        turns, index = divmod(number, len(self.offsets))
        return _day(self.start + turns * self.cycle + self.offsets[index])


def _day(ordinal: int) -> date | None:
    return date.fromordinal(ordinal) if 1 <= ordinal <= LAST_ORDINAL else None


@dataclass(frozen=True)
class Months:
    """The months whose number modulo `cycle` is one of `places` (in order)."""

    cycle: int = 1
    places: tuple[int, ...] = (0,)

    @classmethod
    def of_a_year(cls, months: Collection[int]) -> Self:
        """Months as 1 to 12."""
        return cls() if len(months) == 12 else cls(12, tuple(sorted(month - 1 for month in months)))

    def ahead(self, month: int, last: int) -> Iterable[int]:
        """Those in [month, last], in order."""
        if len(self.places) == 1:  # mostly
            return range(month + (self.places[0] - month) % self.cycle, last + 1, self.cycle)
        turns = range(month - month % self.cycle, last + 1, self.cycle)
        return (turn + place for turn in turns for place in self.places if month <= turn + place <= last)

    def back(self, month: int, first: int) -> Iterable[int]:
        """Those in [first, month], the latest first."""
        turns = range(month - month % self.cycle, first - self.cycle, -self.cycle)
        places = self.places[::-1]
        return (turn + place for turn in turns for place in places if first <= turn + place <= month)


@dataclass(frozen=True)
class DaysByMonth(ABC):
    """Days that are found month by month; a search gives up at the end of the year `years` away."""

    months: Months
    years: int

    @abstractmethod
    def mask(self, month: int) -> int:
        """The days of one of `months`."""

    @property
    def is_empty(self) -> bool:
        return not any(map(self.mask, self._months_of_all_shapes))

    @property
    def has_neighbours(self) -> bool:
        """Whether two of the days follow one another, in one month or over its end."""
        for month in self._months_of_all_shapes:
            _, length = SHAPES[shape_of(month)]
            days = self.mask(month) | (self._mask(month + 1) & 1) << length
            if days & days >> 1:
                return True
        return False

    @property
    def _months_of_all_shapes(self) -> Iterable[int]:
        return self.months.ahead(12 * YEARS_OF_ALL_SHAPES.start, 12 * YEARS_OF_ALL_SHAPES.stop - 1)

    def includes(self, day: date) -> bool:
        return bool(self._mask(month_number(day)) >> day.day - 1 & 1)

    def on_or_after(self, day: date) -> date | None:
        start = month_number(day)
        mask = self._mask(start) >> day.day - 1
        if mask:  # mostly
            return day.replace(day=day.day - 1 + (mask & -mask).bit_length())
        last = min((day.year + self.years) * 12 + 11, LAST_MONTH)
        for month in self.months.ahead(start + 1, last):
            mask = self.mask(month)
            if mask:
                return date(month // 12, month % 12 + 1, (mask & -mask).bit_length())
        return None

    def on_or_before(self, day: date) -> date | None:
        start = month_number(day)
        for month in self.months.back(start, max(day.year - self.years, 1) * 12):
            mask = self.mask(month)
            if month == start:
                mask &= (1 << day.day) - 1
            if mask:
                return date(month // 12, month % 12 + 1, mask.bit_length())
        return None

    def count(self, first: date, last: date, most: int | None = None) -> int:
        if last < first:
            return 0
        start, end = month_number(first), month_number(last)
        return (
            self._count_months(start, end, most)
            - self._count_up_to(start, first.day - 1)
            - self._count_beyond(end, last.day)
        )

    def _count_months(self, start: int, end: int, most: int | None) -> int:
        total, enough = 0, inf if most is None else most + 62  # the first and last month count in part
        for month in self.months.ahead(start, end):
            total += self.mask(month).bit_count()
            if total >= enough:
                break
        return total

    def _count_up_to(self, month: int, day: int) -> int:
        return (self._mask(month) & (1 << day) - 1).bit_count()

    def _count_beyond(self, month: int, day: int) -> int:
        return (self._mask(month) >> day).bit_count()

    def _mask(self, month: int) -> int:
        return self.mask(month) if month % self.months.cycle in self.months.places else 0


@dataclass(frozen=True)
class ByShape(DaysByMonth):
    """Days that depend on the shape of their month alone: `masks` by the shape's number."""

    masks: tuple[int, ...]

    def mask(self, month: int) -> int:
        return self.masks[SHAPE_OF_MONTH[month % MONTHS_OF_A_CYCLE]]

    def _count_months(self, start: int, end: int, most: int | None) -> int:
        cycle = self.months.cycle
        return sum(
            self._count_every(cycle, start + (place - start) % cycle, end) for place in self.months.places
        )

    def _count_every(self, step: int, start: int, end: int) -> int:
        """The days of every `step`th month in [start, end]: a sum over a slice of bytes."""
        first, months = start % MONTHS_OF_A_CYCLE, len(range(start, end + 1, step))
        cycles = (first + months * step) // MONTHS_OF_A_CYCLE + 1
        return sum((self._counts * cycles)[first::step][:months])

    @cached_property
    def _counts(self) -> bytes:
        table = bytes(mask.bit_count() for mask in self.masks)
        return SHAPE_OF_MONTH.translate(table.ljust(256, b"\0"))


@dataclass(frozen=True)
class Stepped(DaysByMonth):
    """Of other days those in every `cycle`-th day or week from the day with the number `start`."""

    inner: DaysByMonth
    start: int
    run: int
    cycle: int

    def mask(self, month: int) -> int:
        place = (first_of(month).toordinal() - self.start) % self.cycle
        steps = self._runs >> place & all_days(31)
        return steps and self.inner.mask(month) & steps

    @cached_property
    def _runs(self) -> int:
        """The days of the steps, as bits from `start` on, as far as a month can reach."""
        run = (1 << self.run) - 1
        return sum(run << day for day in range(0, self.cycle + 31, self.cycle))


@dataclass(frozen=True)
class PickedFromWeeks(DaysByMonth):
    """Of each week's days on `weekdays`, as far as they lie in `months` (of a year), those at `positions`."""

    weekdays: frozenset[int]
    week_start: int
    positions: frozenset[int]

    def mask(self, month: int) -> int:
        first, length = SHAPES[shape_of(month)]
        before = (first - self.week_start) % 7  # days of its first week that lie in the month before
        allowed = all_days(length) << before
        allowed |= self._days(month - 1, before) | self._days(month + 1, 7) << before + length
        found = 0
        for week in range(0, before + length, 7):
            found |= self._picked(allowed >> week & self._week) << week
        return found >> before & all_days(length)

    def _days(self, month: int, count: int) -> int:
        return all_days(count) if month % self.months.cycle in self.months.places else 0

    def _picked(self, week: int) -> int:
        return mask_of(picked(bits(week), self.positions))

    @cached_property
    def _week(self) -> int:
        return mask_of((weekday - self.week_start) % 7 for weekday in self.weekdays)


@dataclass(frozen=True)
class PickedFromYears(DaysByMonth):
    """Days that depend on the shape of their year: by the shapes of January and February, then by month."""

    masks: Mapping[tuple[int, int], Sequence[int]]

    def mask(self, month: int) -> int:
        return self.masks[shapes_of_year(month // 12)][month % 12]
