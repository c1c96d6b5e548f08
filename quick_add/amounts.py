"""Amounts of time: 30 minutes, an hour, half an hour, 2 days, 3 weeks, a month."""

import re
from typing import NamedTuple

from quick_add.tokens import Words
from quick_add.vocabulary import DAY, HOUR, MINUTE, MONTH, NUMBERS, UNITS, WEEK, YEAR

MINUTES_OF_A_DAY = 24 * 60
_IN_MINUTES = {MINUTE: 1, HOUR: 60}
_IN_DAYS = {DAY: 1, WEEK: 7}
# Digits beyond these are no amount of time that someone would write.
_NUMBER = re.compile(r"[0-9]{1,9}")
_GLUED = re.compile(r"([0-9]{1,9})([a-z]+)")
_ROUGHLY = re.compile(r"[0-9]{1,4}[-–][0-9]{1,4}")  # noqa: RUF001
_HALVES = re.compile(r"([0-9]{1,4})[.,]5")


class Amount(NamedTuple):
    """The tokens up to last - 1. `is_vague`: not an exact quantity, such as half a day."""

    last: int
    minutes: int = 0
    days: int = 0
    months: int = 0
    years: int = 0
    is_vague: bool = False

    @property
    def is_clock_time(self) -> bool:
        return not (self.days or self.months or self.years)


def number_of(word: str) -> int | None:
    return int(word) if _NUMBER.fullmatch(word) else NUMBERS.get(word)


def unit_of(word: str) -> str | None:
    return UNITS.get(word.rstrip("'\u2019"))


def read_amount(words: Words, at: int) -> Amount | None:
    """An amount that begins there, also of two units: 2 hours and 30 minutes."""
    amount = _single(words, at)
    if amount is None:
        return None
    for _ in range(2):
        joined = amount.last + (words.word(amount.last) == "and")
        if words.phrase(joined, "a", "half"):
            is_hour = amount.minutes % 60 == 0 and amount.is_clock_time
            return amount._replace(
                last=joined + 2, minutes=amount.minutes + 30, is_vague=amount.is_vague or not is_hour
            )
        more = _single(words, joined)
        if more is None:
            return amount
        amount = _sum(amount, more)
    return amount


def _single(words: Words, at: int) -> Amount | None:
    word = words.word(at)
    if word in ("a", "an"):
        return _of(1, unit_of(words.word(at + 1)), at + 2)
    if word == "half" and words.word(at + 1) in ("a", "an"):
        unit = unit_of(words.word(at + 2))
        if unit is None:
            return None
        return Amount(at + 3, minutes=30) if unit == HOUR else Amount(at + 3, is_vague=True)
    if word == "half" and unit_of(words.word(at + 1)) == HOUR:
        return Amount(at + 2, minutes=30)
    if glued := _GLUED.fullmatch(word):
        return _of(int(glued[1]), unit_of(glued[2]), at + 1)
    if halves := _HALVES.fullmatch(word):
        unit = unit_of(words.word(at + 1))
        if unit is None:
            return None
        is_vague = unit != HOUR
        return Amount(at + 2, minutes=0 if is_vague else int(halves[1]) * 60 + 30, is_vague=is_vague)
    if _ROUGHLY.fullmatch(word):
        exact = _of(1, unit_of(words.word(at + 1)), at + 2)
        return None if exact is None else exact._replace(is_vague=True)
    number = number_of(word)
    return None if number is None else _of(number, unit_of(words.word(at + 1)), at + 2)


def _of(number: int, unit: str | None, last: int) -> Amount | None:
    if unit in _IN_MINUTES:
        return Amount(last, minutes=number * _IN_MINUTES[unit], is_vague=number == 0)
    if unit in _IN_DAYS:
        return Amount(last, days=number * _IN_DAYS[unit], is_vague=number == 0)
    if unit == MONTH:
        return Amount(last, months=number, is_vague=number == 0)
    return Amount(last, years=number, is_vague=number == 0) if unit == YEAR else None


def _sum(one: Amount, other: Amount) -> Amount:
    """Of minutes and hours; days and hours together are not one amount for everyone."""
    is_clock_time = one.is_clock_time and other.is_clock_time
    return Amount(
        other.last,
        minutes=one.minutes + other.minutes,
        days=one.days + other.days,
        months=one.months + other.months,
        years=one.years + other.years,
        is_vague=one.is_vague or other.is_vague or not is_clock_time,
    )
