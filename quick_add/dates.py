"""Dates of a calendar: 5 april, april 5, 2026-04-05, 5.4., 25/4, the 31st."""

import re
from dataclasses import replace
from datetime import date, timedelta

from quick_add.clock import LAST_YEAR, Clock, date_or_none, in_words, last_day, months_later
from quick_add.parts import Part, day_option, unclear
from quick_add.tokens import Words
from quick_add.vocabulary import MONTH_NAMES, MONTHS, ORDINALS

_DAY = re.compile(r"([0-9]{1,2})(?:st|nd|rd|th)?")
ORDINAL = re.compile(r"([0-9]{1,2})(?:st|nd|rd|th)")
_YEAR = re.compile(r"[12][0-9]{3}")
_YEAR_FIRST = re.compile(r"([0-9]{4})([-/])([0-9]{1,2})\2([0-9]{1,2})")
_DOTS = re.compile(r"([0-9]{1,2})\.([0-9]{1,2})(?:\.([0-9]{4}|[0-9]{2})?)?")
_SLASHES = re.compile(r"([0-9]{1,2})/([0-9]{1,2})(?:/([0-9]{4}|[0-9]{2}))?")
_HYPHENS = re.compile(r"([0-9]{1,2})-([0-9]{1,2})-([0-9]{4})")
_SEVERAL = re.compile(r"([0-9]{1,2})(?:st|nd|rd|th)?[-–/]([0-9]{1,2})(?:st|nd|rd|th)?")  # noqa: RUF001
ROUND_THE_CLOCK = "24/7"
_MONTHS_AHEAD = 60
_YEARS_AHEAD = 9  # 29 February of 1896, 1904


def read_date(words: Words, at: int, clock: Clock, before: str, *, opened: bool) -> Part | None:
    """A date that begins there. `opened`: a word such as `on` stands before it; `before`: that word."""
    return (
        _day_and_month(words, at, clock, before)
        or _days_of_month(words, at, clock, before)
        or _in_digits(words, at, clock, before, opened=opened)
        or _ordinal(words, at, clock, before, opened=opened)
        or (read_month(words, at, clock, before) if opened else None)
    )


def _day_and_month(words: Words, at: int, clock: Clock, before: str) -> Part | None:
    """5 april, april 5; each also with a year."""
    found = day_and_month_at(words, at)
    if found is None:
        return None
    day, month, last = found
    comma = last + (words.mark(last) in (",", "."))
    if _YEAR.fullmatch(words.word(comma)):
        return day_of(day, month, int(words.word(comma)), at, comma + 1, clock, before)
    return day_of(day, month, None, at, last, clock, before)


def day_and_month_at(words: Words, at: int) -> tuple[int, int, int] | None:
    """5 april, the 5th of april, 5. april; april 5, april the 5th: day, month, and what comes after it."""
    at += words.word(at) == "the"
    if day := _DAY.fullmatch(words.word(at)):
        at += 1 + (words.mark(at + 1) == ".")
        at += words.word(at) == "of"
        month = MONTHS.get(words.word(at))
    else:
        month = MONTHS.get(words.word(at))
        at += 1 + (words.mark(at + 1) == ".")
        at += words.word(at) == "the"
        day = _DAY.fullmatch(words.word(at))
    return (int(day[1]), month, at + 1) if day and month else None


def _days_of_month(words: Words, at: int, clock: Clock, before: str) -> Part | None:
    """5-7 april, april 5-7: several days."""
    month, found = MONTHS.get(words.word(at)), _SEVERAL.fullmatch(words.word(at + 1))
    if month is None:
        month, found = MONTHS.get(words.word(at + 1)), _SEVERAL.fullmatch(words.word(at))
    if month is None or found is None:
        return None
    parts = [day_of(int(day), month, None, at, at + 2, clock, before) for day in found.groups()]
    options = [day_option(part.value, in_words(part.value), before) for part in parts if part.kind == "day"]
    return unclear("which_day", "A task is due on one day. Which is it?", at, at + 2, options)


def _in_digits(words: Words, at: int, clock: Clock, before: str, *, opened: bool) -> Part | None:
    word = words.word(at)
    if found := _YEAR_FIRST.fullmatch(word):
        return day_of(int(found[4]), int(found[3]), int(found[1]), at, at + 1, clock, before)
    if found := _DOTS.fullmatch(word):
        return _dots(word, found, at, clock, before, opened=opened)
    found = _SLASHES.fullmatch(word) or _HYPHENS.fullmatch(word)
    if found is None or (word == ROUND_THE_CLOCK and not opened):
        return None
    one, other, year = int(found[1]), int(found[2]), _year(found[3])
    if min(one, other) > 12 and not opened:
        return None
    if one != other and max(one, other) <= 12:
        return _day_or_month(one, other, year, at, clock, before)
    day, month = (other, one) if other > 12 else (one, other)
    part = day_of(day, month, year, at, at + 1, clock, before)
    is_fraction = one == other and year is None
    return replace(part, weak=is_fraction)


def _dots(
    word: str, found: re.Match[str], at: int, clock: Clock, before: str, *, opened: bool
) -> Part | None:
    one, other, year = int(found[1]), int(found[2]), _year(found[3])
    if word.count(".") == 1:  # 5.4 may be a number
        is_a_day = opened and before != "at" and 0 < one <= 31 and 0 < other <= 12
        return _day_or_month(one, other, None, at, clock, before) if is_a_day else None
    if not opened and date_or_none(2000, other, one) is None:
        return None
    part = day_of(one, other, year, at, at + 1, clock, before)
    is_version = year is None or len(found[3]) == 2
    return replace(part, weak=is_version)


def _year(digits: str | None) -> int | None:
    return None if digits is None else int(digits) + (2000 if len(digits) == 2 else 0)


def _day_or_month(one: int, other: int, year: int | None, at: int, clock: Clock, before: str) -> Part:
    parts = [
        day_of(day, month, year, at, at + 1, clock, before) for day, month in ((one, other), (other, one))
    ]
    options = [day_option(part.value, in_words(part.value), before) for part in parts if part.kind == "day"]
    text = f"Is {one} the day, or the month?"
    return unclear("day_or_month", text, at, at + 1, options)


def day_of(day: int, month: int, year: int | None, first: int, last: int, clock: Clock, before: str) -> Part:
    """The day of this date; without a year the next one that exists, today included."""
    years = range(clock.today.year, clock.today.year + _YEARS_AHEAD) if year is None else [year]
    dates = [found for one in years if one <= LAST_YEAR and (found := date_or_none(one, month, day))]
    if year is not None and dates and dates[0] < clock.today:
        return _passed(dates[0], first, last, clock, before)
    ahead = [found for found in dates if found >= clock.today]
    if not ahead or not clock.has_day(ahead[0]):
        return no_such_date(day, month, year or clock.today.year, first, last, clock, before)
    return Part("day", first, last, ahead[0])


def _passed(day: date, first: int, last: int, clock: Clock, before: str) -> Part:
    again = day_of(day.day, day.month, None, first, last, clock, before)
    days = [again.value, clock.today] if again.kind == "day" else [clock.today]
    options = [day_option(found, in_words(found), before) for found in days]
    return unclear("in_the_past", f"{in_words(day)} has passed. Which day is meant?", first, last, options)


def no_such_date(day: int, month: int, year: int, first: int, last: int, clock: Clock, before: str) -> Part:
    options = []
    if 1 <= month <= 12 and year <= LAST_YEAR:
        near = date(year, month, min(max(day, 1), last_day(year, month)))
        if near < clock.today:
            near = date(near.year + 1, month, last_day(near.year + 1, month))
        options = [
            day_option(found, in_words(found), before)
            for found in (near, near + timedelta(days=1), near - timedelta(days=1))
            if found >= clock.today and clock.has_day(found)
        ][:2]
        text = f"There is no {day} {MONTH_NAMES[month - 1]}{'' if year < clock.today.year else f' {year}'}."
        return unclear("no_such_date", f"{text} Which day is meant?", first, last, options)
    return unclear("no_such_date", "There is no such date. Which day is meant?", first, last, options)


def _ordinal(words: Words, at: int, clock: Clock, before: str, *, opened: bool) -> Part | None:
    """The 31st: the next day with this number. Today's own number is asked for."""
    first, has_the = at, words.word(at) == "the"
    at += has_the
    found = ORDINAL.fullmatch(words.word(at))
    number = int(found[1]) if found else ORDINALS.get(words.word(at)) if opened and has_the else None
    if number is None:
        return None
    last = at + 1
    if found is None:
        return _first_of_what(number, first, last, clock, before)
    if words.phrase(last, "of") or words.phrase(last, "day", "of"):
        return None
    if not 1 <= number <= 31:
        return no_such_day(number, first, last, clock, before)
    if number == clock.today.day:
        text = f"Today is the {number}. Is that the day, or the next one with this number?"
        days = [clock.today, next_numbered(number, clock)]
        return unclear("which_day", text, first, last, [day_option(d, in_words(d), before) for d in days])
    return Part("day", first, last, next_numbered(number, clock), weak=not opened)


def _first_of_what(number: int, first: int, last: int, clock: Clock, before: str) -> Part:
    day = next_numbered(number, clock)
    options = [day_option(day, in_words(day), before)]
    return replace(unclear("which_day", "Is that a day of the month?", first, last, options), weak=True)


def no_such_day(number: int, first: int, last: int, clock: Clock, before: str) -> Part:
    end = clock.today.replace(day=last_day(clock.today.year, clock.today.month))
    options = [day_option(d, in_words(d), before) for d in (end, end + timedelta(days=1))]
    return unclear("no_such_date", f"No month has a day {number}. Which is meant?", first, last, options)


def next_numbered(number: int, clock: Clock) -> date:
    """The next day after today with this number, in a month that has it. Raises OverflowError."""
    month = clock.today.replace(day=1)
    for ahead in range(_MONTHS_AHEAD):
        there = months_later(month, ahead)
        found = date_or_none(there.year, there.month, number)
        if found is not None and found > clock.today and clock.has_day(found):
            return found
    raise OverflowError("There is no such day any more.")


def read_month(words: Words, at: int, clock: Clock, before: str = "on") -> Part | None:
    """In april, by april 2026: some day of it."""
    month = MONTHS.get(words.word(at))
    if month is None:
        return None
    last = at + 1
    year = int(words.word(last)) if _YEAR.fullmatch(words.word(last)) else None
    if year is None:
        year = clock.today.year + (month < clock.today.month)
    else:
        last += 1
    days = [date(year, month, day) for day in (1, last_day(year, month))]
    options = [day_option(d, in_words(d), before) for d in days if d >= clock.today]
    return unclear("which_day", f"Which day of {MONTH_NAMES[month - 1]}?", at, last, options)
