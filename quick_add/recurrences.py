"""Recurrences: every day, every mon and thu, every other friday, every month on the 15th."""

import re
from collections.abc import Callable
from dataclasses import replace

from quick_add.amounts import number_of, unit_of
from quick_add.clock import date_or_none
from quick_add.dates import ORDINAL, day_and_month_at
from quick_add.parts import Part, Rule, unclear
from quick_add.tokens import Words
from quick_add.vocabulary import (
    DAY,
    EVENING,
    HOUR,
    MINUTE,
    MONTH,
    MONTHS,
    NIGHT,
    NUMBERED,
    WEEK,
    WEEKDAY_NAMES,
    WEEKDAYS,
    WORKING_DAYS,
    YEAR,
)

_WORKING_DAY = (("working", "day"), ("work", "day"), ("business", "day"), ("workday",))
FREQUENCIES = {DAY: "DAILY", WEEK: "WEEKLY", MONTH: "MONTHLY", YEAR: "YEARLY"}
_AND = {"and", "&", "/"}
_WITHOUT_A_DAY = 28
"""Every month has this day and those before it."""
# What may follow every, and what it may mean.
_ROUGH = {
    **dict.fromkeys(("half", "few", "couple", "so"), "every 2 days"),
    **{"fortnight": "every 2 weeks", "quarter": "every 3 months", "decade": "every 10 years"},
}

_Reader = Callable[[Words, int, int], Part | None]


def read_rule(words: Words, at: int) -> Part | None:
    """What follows the word every (or each). `first` of the part is that word."""
    first, at = at, at + 1
    readers: tuple[_Reader, ...] = (_numbered, _interval, _weekdays, _of_the_day, _dated, _some)
    return next((part for read in readers if (part := read(words, first, at))), None)


def read_days_of_every_month(words: Words, at: int) -> Part | None:
    """On the 15th of every month, the last friday of every month: what follows the word on."""
    found = _day_of_month(words, at)
    if found is None or words.word(found[1]) != "of" or words.word(found[1] + 1) not in ("every", "each"):
        return None
    rule, last = found
    if words.word(last + 2) != MONTH:
        return None
    return _checked(rule, at, last + 3)


def _numbered(words: Words, first: int, at: int) -> Part | None:
    """Every last friday, every first monday of the month, every last working day."""
    number = NUMBERED.get(words.word(at))
    if number is None:
        return None
    weekday, name = WEEKDAYS.get(words.word(at + 1)), words.word(at)
    last, is_of_month = _of_the_month(words, at + 2)
    if weekday is not None:
        if number in (1, -1) or is_of_month:
            return Part("rule", first, last, Rule("MONTHLY", weekdays=(weekday,), number=number))
        return _weeks_or_month(name, number, weekday, first, last)
    found = _day_of_month(words, at)
    if found is not None and (number in (1, -1) or found[0].month_day is not None):
        last, is_of_month = _of_the_month(words, found[1])
        if found[0].month_day == -1 and not is_of_month:
            options = [(text.capitalize(), text) for text in ("every last day of the month", "every day")]
            return unclear("which_day", "The last day of what?", first, last, options)
        if found[0].month_day is None or is_of_month or found[0].month_day == number == -1:
            return _checked(found[0], first, last)
    unit = unit_of(words.word(at + 1))
    if unit in FREQUENCIES and number > 1:
        options = [(text.capitalize(), text) for text in (f"every {number} {unit}s", f"every {unit}")]
        return unclear("which_times", "How often?", first, at + 2, options)
    return None


def _weeks_or_month(name: str, number: int, weekday: int, first: int, last: int) -> Part:
    """Every second friday: of the month, or every 2 weeks?"""
    day = WEEKDAY_NAMES[weekday].lower()
    options = [
        (f"The {name} {day.capitalize()} of each month", f"every {name} {day} of the month"),
        (f"{day.capitalize()} every {number} weeks", f"every {number} weeks on {day}"),
    ]
    return unclear("which_day", "Of each month, or every so many weeks?", first, last, options)


def _of_the_month(words: Words, at: int) -> tuple[int, bool]:
    is_there = words.word(at) == "of" and words.word(at + 1) in ("the", "each", "every")
    return (at + 3, True) if is_there and words.word(at + 2) == MONTH else (at, False)


def _day_of_month(words: Words, at: int) -> tuple[Rule, int] | None:
    """The 15th, the last friday, the last working day, the last day; with what comes after it."""
    at += words.word(at) == "the"
    if found := ORDINAL.fullmatch(words.word(at)):
        weekday = WEEKDAYS.get(words.word(at + 1))
        if weekday is None:
            return Rule("MONTHLY", month_day=int(found[1])), at + 1
    number = NUMBERED.get(words.word(at))
    if number is None:
        return None
    weekday = WEEKDAYS.get(words.word(at + 1))
    if weekday is not None:
        return Rule("MONTHLY", weekdays=(weekday,), number=number), at + 2
    for phrase in _WORKING_DAY:
        if words.phrase(at + 1, *phrase):
            return Rule("MONTHLY", weekdays=WORKING_DAYS, position=number), at + 1 + len(phrase)
    if words.word(at + 1) == DAY and number in (1, -1):
        return Rule("MONTHLY", month_day=number), at + 2
    return None


def _interval(words: Words, first: int, at: int) -> Part | None:
    """Every 2 weeks on tuesday, every other day, every month on the 15th, every year on 5 april."""
    interval, is_other = 1, words.word(at) == "other"
    if is_other:
        interval, at = 2, at + 1
        if words.word(at) in WEEKDAYS:
            weekdays, last = weekdays_at(words, at)
            return Part("rule", first, last, Rule("WEEKLY", interval=2, weekdays=weekdays))
    elif (number := number_of(words.word(at))) is not None:
        interval, at = number, at + 1
    unit = unit_of(words.word(at))
    if unit in (HOUR, MINUTE):
        options = [(f"At {hour}", f"every day at {hour}") for hour in ("09:00", "18:00")]
        text = "A task recurs once a day at most. At what time?"
        return unclear("which_times", text, first, at + 1, options)
    if unit is None:
        return None
    if interval == 0:
        return unclear("which_times", "How often?", first, at + 1, [("Every day", "every day")])
    return _on(words, first, at + 1, unit, interval)


def _on(words: Words, first: int, at: int, unit: str, interval: int) -> Part:
    """A unit, with the day in it where one follows."""
    day = at + (words.word(at) == "on")
    if unit == WEEK and words.word(day) in WEEKDAYS:
        weekdays, last = weekdays_at(words, day)
        return Part("rule", first, last, Rule("WEEKLY", interval, weekdays=weekdays))
    if unit == MONTH and (found := _day_of_month(words, day)):
        rule, last = found
        last, _ = _of_the_month(words, last)
        return _checked(replace(rule, interval=interval), first, last)
    if unit == YEAR and (dated := day_and_month_at(words, day)):
        month_day, month, last = dated
        return _checked(Rule("YEARLY", interval, month=month, month_day=month_day), first, last)
    return Part("rule", first, at, Rule(FREQUENCIES[unit], interval))  # type: ignore[arg-type]


def _checked(rule: Rule, first: int, last: int) -> Part:
    """The rule, unless its day does not exist, or does not exist in each of its months or years."""
    day = rule.month_day
    if rule.month is not None and day is not None and date_or_none(2000, rule.month, day) is None:
        return unclear("no_such_date", "There is no such day in any year. Which is meant?", first, last)
    if day is not None and (day == 0 or not -1 <= day <= 31):
        options = [
            (text.capitalize(), text) for text in ("every month on the 1st", "every last day of the month")
        ]
        return unclear("no_such_date", f"No month has a day {day}. Which is meant?", first, last, options)
    if rule.month == 2 and day == 29:
        options = [
            (text.capitalize(), text) for text in ("every year on 28 february", "every year on 1 march")
        ]
        return unclear("which_day", "Which day, in a year that has no 29 February?", first, last, options)
    if rule.freq == "MONTHLY" and rule.interval > 1 and day is not None and day > _WITHOUT_A_DAY:
        every = f"every {rule.interval} months on the"
        options = [(text.capitalize(), text) for text in (f"{every} last day", f"{every} 28th")]
        return unclear("which_day", f"Which day, in a month that has no {day}th?", first, last, options)
    return Part("rule", first, last, rule)


def _weekdays(words: Words, first: int, at: int) -> Part | None:
    if words.word(at) == "weekday" or words.word(at) == "weekdays":
        return Part("rule", first, at + 1, Rule("WEEKLY", weekdays=WORKING_DAYS))
    for phrase in _WORKING_DAY:
        if words.phrase(at, *phrase):
            return Part("rule", first, at + len(phrase), Rule("WEEKLY", weekdays=WORKING_DAYS))
    weekdays, last = weekdays_at(words, at)
    return Part("rule", first, last, Rule("WEEKLY", weekdays=weekdays)) if weekdays else None


def weekdays_at(words: Words, at: int) -> tuple[tuple[int, ...], int]:
    """Weekdays in a row (mon and thu; mon, wed and fri; mon/thu; monday to friday), and where they end."""
    found: set[int] = set()
    last = at
    while (step := _one_or_more(words, at)) is not None:
        found |= step[0]
        last = step[1]
        at = last + (words.mark(last) == "," or words.mark(last) in _AND)
        at += words.word(at) in _AND or words.mark(at) in _AND
    return tuple(sorted(found)), last


def _one_or_more(words: Words, at: int) -> tuple[set[int], int] | None:
    word = words.word(at)
    weekday = WEEKDAYS.get(word)
    if weekday is not None:
        to = at + 1
        if words.word(to) in ("to", "through") or words.mark(to) in ("-", "–"):  # noqa: RUF001
            end = WEEKDAYS.get(words.word(to + 1))
            if end is not None:
                return _range(weekday, end), to + 2
        return {weekday}, to
    pieces = re.split(r"[/&+]", word)
    if len(pieces) > 1 and all(piece in WEEKDAYS for piece in pieces):
        return {WEEKDAYS[piece] for piece in pieces}, at + 1
    ends = re.split("[-–]", word)  # noqa: RUF001
    if len(ends) == 2 and all(piece in WEEKDAYS for piece in ends):
        return _range(WEEKDAYS[ends[0]], WEEKDAYS[ends[1]]), at + 1
    return None


def _range(first: int, last: int) -> set[int]:
    return {day % 7 for day in range(first, last + 1 if last >= first else last + 8)}


def _of_the_day(words: Words, first: int, at: int) -> Part | None:
    """Every morning: every day, in the morning."""
    word = words.word(at)
    if word == NIGHT:
        options = [(f"At {hour}", f"every day at {hour}") for hour in ("20:00", "22:00")]
        return unclear("which_times", "At what time of the night?", first, at + 1, options)
    if word in ("morning", "afternoon", EVENING):
        # The word itself is read as the part of the day that comes next.
        return Part("rule", first, at, Rule("DAILY"))
    return None


def _dated(words: Words, first: int, at: int) -> Part | None:
    """Every 5 april, every 15th."""
    if dated := day_and_month_at(words, at):
        month_day, month, last = dated
        return _checked(Rule("YEARLY", month=month, month_day=month_day), first, last)
    found = ORDINAL.fullmatch(words.word(at))
    if found is None:
        return None
    last, _ = _of_the_month(words, at + 1)
    if int(found[1]) <= _WITHOUT_A_DAY:
        return _checked(Rule("MONTHLY", month_day=int(found[1])), first, last)
    options = [
        (text.capitalize(), text)
        for text in (f"every month on the {words.word(at)}", "every last day of the month")
    ]
    return unclear("which_day", "Which day, in a shorter month?", first, last, options)


def _some(words: Words, first: int, at: int) -> Part | None:
    """Every weekend, every april: some day of it."""
    word = words.word(at)
    if word in ("weekend", "weekends"):
        options = [(f"Every {day.capitalize()}", f"every {day}") for day in ("saturday", "sunday")]
        options.append(("Every Saturday and Sunday", "every saturday and sunday"))
        return unclear("which_day", "Saturday, Sunday or both?", first, at + 1, options)
    if word in _ROUGH:
        options = [(text.capitalize(), text) for text in ("every day", _ROUGH[word])]
        return unclear("which_times", "How often?", first, at + 1, options)
    if word in MONTHS:
        options = [(f"Every year on {day} {word}", f"every year on {day} {word}") for day in (1, 28)]
        return unclear("which_day", "Which day of the month?", first, at + 1, options)
    plural = word.removesuffix("s")
    if plural in WEEKDAYS and plural != word:
        options = [(f"Every {plural.capitalize()}", f"every {plural}")]
        return unclear("which_day", "Every week?", first, at + 1, options)
    return None
