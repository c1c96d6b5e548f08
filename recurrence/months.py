"""Months as numbers, and the days of a month as bits. A leaf: it imports nothing of the project.

A month's number is year * 12 + month - 1. A set of its days is an integer whose lowest bit is the 1st. Which
weekday each day has depends on the month's shape alone: its length and the weekday of its 1st, 28 in all.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from itertools import product
from typing import TypeVar

T = TypeVar("T")

MONTHS_OF_A_CYCLE = 400 * 12  # the Gregorian calendar repeats after 400 years, weekdays included
LAST_MONTH = 9999 * 12 + 11
LENGTHS = (28, 29, 30, 31)
SHAPES = tuple(product(range(7), LENGTHS))
"""(weekday of the 1st, Monday 0; length), by the shape's number."""

_LENGTHS_OF_MONTHS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_EVERY_SEVENTH = sum(1 << day for day in range(0, 42, 7))


def _shapes_of_the_cycle() -> Iterator[int]:
    weekday = 5  # 1 January of the year 0, as of 2000, is a Saturday
    for year in range(400):
        leap = year % 4 == 0 and (year % 100 != 0 or year == 0)
        for month, length in enumerate(_LENGTHS_OF_MONTHS):
            days = length + (leap and month == 1)
            yield weekday * 4 + days - 28
            weekday = (weekday + days) % 7


SHAPE_OF_MONTH = bytes(_shapes_of_the_cycle())
"""The shape's number, by the month's number modulo MONTHS_OF_A_CYCLE."""

YEARS_OF_ALL_SHAPES = range(2001, 2029)
"""In 28 years of one century every month has each of its shapes, and every year each of the 14 there are."""


def month_number(day: date) -> int:
    return day.year * 12 + day.month - 1


def shape_of(month: int) -> int:
    return SHAPE_OF_MONTH[month % MONTHS_OF_A_CYCLE]


def shapes_of_year(year: int) -> tuple[int, int]:
    """The shapes of January and February: those of the other months follow from them."""
    return shape_of(12 * year), shape_of(12 * year + 1)


def first_of(month: int) -> date:
    return date(month // 12, month % 12 + 1, 1)


def bits(mask: int) -> list[int]:
    """The numbers of the bits that are set, in order."""
    numbers = []
    while mask:
        lowest = mask & -mask
        numbers.append(lowest.bit_length() - 1)
        mask ^= lowest
    return numbers


def mask_of(numbers: Iterable[int]) -> int:
    """The inverse of `bits`."""
    mask = 0
    for number in numbers:
        mask |= 1 << number
    return mask


def days_of_weekdays(weekdays: Iterable[int], first: int, length: int) -> int:
    """The days on these weekdays, in a month whose 1st is the weekday `first`."""
    return mask_of((weekday - first) % 7 for weekday in weekdays) * _EVERY_SEVENTH & all_days(length)


def days_of_numbered(numbered: Iterable[tuple[int, int]], first: int, length: int) -> int:
    """The days (number, weekday): (2, 0) is the second Monday, (-1, 4) the last Friday."""
    found = 0
    for number, weekday in numbered:
        days = bits(days_of_weekdays([weekday], first, length))
        if abs(number) <= len(days):
            found |= 1 << days[number - 1 if number > 0 else number]
    return found


def days_of_month_days(month_days: Iterable[int], length: int) -> int:
    """The days with these numbers; -1 is the last. A day that the month does not have is left out."""
    numbers = (day - 1 if day > 0 else length + day for day in month_days)
    return mask_of(number for number in numbers if 0 <= number < length)


def all_days(length: int) -> int:
    return (1 << length) - 1


def picked(items: Sequence[T], positions: Iterable[int]) -> list[T]:
    """Those at the positions: 1 is the first, -1 the last. A position beyond the list picks nothing."""
    return [items[p - 1 if p > 0 else p] for p in positions if abs(p) <= len(items)]
