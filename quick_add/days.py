"""Days by their names or by how far away they are: tomorrow, friday, next friday, in 3 days, the weekend."""

from datetime import date, timedelta

from quick_add.amounts import MINUTES_OF_A_DAY, Amount, read_amount
from quick_add.clock import LAST_YEAR, Clock, in_words, last_day, months_later
from quick_add.dates import read_date
from quick_add.parts import Part, day_option, doubt, unclear
from quick_add.tokens import Words
from quick_add.vocabulary import (
    ALSO_ENGLISH,
    DAY,
    MONTH,
    MONTHS,
    NUMBERED,
    WEEK,
    WEEKDAY_NAMES,
    WEEKDAYS,
    YEAR,
)

TODAY, TOMORROW = "today", "tomorrow"
_WEEK = timedelta(days=7)
_TOO_FAR = "That is too far away. Which day is meant?"


def read_day(words: Words, at: int, clock: Clock, before: str = "on", *, opened: bool) -> Part | None:
    """A day that begins there. `opened`: a word such as `on` stands before it; `before`: that word.

    `before` is what questions write before a day.
    """
    try:
        return (
            _relative(words, at, clock)
            or _next(words, at, clock, before)
            or _this(words, at, clock, before)
            or _numbered_weekday(words, at, clock, before)
            or _weekday(words, at, clock, before)
            or read_date(words, at, clock, before, opened=opened)
            or (_some_day(words, at, clock, before) if opened else None)
        )
    except OverflowError:
        return unclear("no_such_date", _TOO_FAR, at, at + 1)


def _relative(words: Words, at: int, clock: Clock) -> Part | None:
    word = words.word(at)
    if word in (TODAY, TOMORROW):
        return Part("day", at, at + 1, clock.after(int(word == TOMORROW)))
    start = at + (word == "the")
    if words.phrase(start, "day", "after", TOMORROW):
        return Part("day", at, start + 3, clock.after(2))
    return None


def _weekday(words: Words, at: int, clock: Clock, before: str) -> Part | None:
    """Friday: the next one after today. Today's own weekday is asked for."""
    word = words.word(at)
    weekday = WEEKDAYS.get(word)
    if weekday is None:
        return None
    if words.phrase(at + 1, "next", "week"):
        return _in_which_week(weekday, at, at + 3, clock, before)
    return weekday_part(weekday, at, at + 1, clock, before, weak=word in ALSO_ENGLISH)


def weekday_part(
    weekday: int, first: int, last: int, clock: Clock, before: str, *, weak: bool = False
) -> Part:
    if weekday != clock.today.weekday():
        return Part("weekday", first, last, weekday, weak=weak)
    text = f"Today is {WEEKDAY_NAMES[weekday]}. Is it today, or in a week?"
    options = [day_option(day, in_words(day), before) for day in (clock.today, clock.after(7))]
    doubts = (doubt("which_day", text, first, last, options),)
    return Part("weekday", first, last, weekday, doubts, weak=weak)


def _next(words: Words, at: int, clock: Clock, before: str) -> Part | None:
    if words.word(at) != "next":
        return None
    word, today = words.word(at + 1), clock.today
    weekday = WEEKDAYS.get(word)
    if weekday is not None:
        if weekday > today.weekday():
            return _in_which_week(weekday, at, at + 2, clock, before)
        monday = today - timedelta(days=today.weekday()) + _WEEK
        return Part("day", at, at + 2, monday + timedelta(days=weekday))
    if word == WEEK:
        return _next_week(words, at, clock, before)
    if word == MONTH:
        month = months_later(today.replace(day=1), 1)
        days = [month, max(months_later(today, 1), month + timedelta(days=1))]
        return _which_day("Which day of next month?", at, at + 2, days, before)
    if word == YEAR:
        year = date(today.year + 1, 1, 1)
        days = [year, max(months_later(today, 12), year + timedelta(days=1))]
        return _which_day("Which day of next year?", at, at + 2, days, before)
    if word == "weekend":
        return _weekend(at, at + 2, clock, before)
    if word in MONTHS:
        days = [months_later(date(today.year, MONTHS[word], 1), months) for months in (0, 12)]
        return _which_day("Which day?", at, at + 2, [day for day in days if day > today], before)
    return None


def _next_week(words: Words, at: int, clock: Clock, before: str) -> Part:
    """Next week, next week friday, next week on friday."""
    last = at + 2
    named = last + (words.word(last) == "on")
    weekday = WEEKDAYS.get(words.word(named))
    if weekday is not None:
        return _in_which_week(weekday, at, named + 1, clock, before)
    monday = clock.after(7 - clock.today.weekday())
    days = [monday, clock.after(7), monday + timedelta(days=4)]
    days = sorted(set(days))
    return _which_day("Which day of next week?", at, last, days, before)


def _in_which_week(weekday: int, first: int, last: int, clock: Clock, before: str) -> Part:
    name, near = WEEKDAY_NAMES[weekday], clock.next_weekday(weekday)
    return _which_day(f"Which {name} is meant?", first, last, [near, near + _WEEK], before)


def _this(words: Words, at: int, clock: Clock, before: str) -> Part | None:
    if words.word(at) != "this":
        return None
    word, today = words.word(at + 1), clock.today
    weekday = WEEKDAYS.get(word)
    if weekday is not None:
        return weekday_part(weekday, at, at + 2, clock, before)
    if word == WEEK:
        days = {today, clock.after(1), today + timedelta(days=max(0, 4 - today.weekday()))}
        return _which_day("Which day of this week?", at, at + 2, sorted(days), before)
    if word == "weekend":
        return _weekend(at, at + 2, clock, before)
    if word in (MONTH, YEAR):
        return _which_day(f"Which day of this {word}?", at, at + 2, _ends(word, clock), before)
    if word in MONTHS and word not in ("may", "march", "mar"):
        part = read_date(words, at + 1, clock, before, opened=True)
        return None if part is None else part.from_opener(at)
    return None


def _numbered_weekday(words: Words, at: int, clock: Clock, before: str) -> Part | None:
    """The last friday, the first monday of may: a day that the grammar has only in a recurrence."""
    start = at + (words.word(at) == "the")
    if words.word(start) not in NUMBERED:
        return None
    weekday = WEEKDAYS.get(words.word(start + 1))
    if weekday is None:
        return _numbered_day(words, at, start, clock, before)
    near = clock.next_weekday(weekday)
    return _which_day("Which day is meant?", at, start + 2, [near, near + _WEEK], before)


def _numbered_day(words: Words, at: int, start: int, clock: Clock, before: str) -> Part | None:
    """The last day of the month, the first working day of april."""
    last = start + 1 + (words.word(start + 1) in ("working", "business"))
    if words.word(last) not in (DAY, "weekday") or words.word(last + 1) != "of":
        return None
    named = last + 2 + (words.word(last + 2) in ("the", "this", "next"))
    unit = words.word(named)
    if unit not in (WEEK, MONTH, YEAR) and unit not in MONTHS:
        return None
    return _which_day("Which day is meant?", at, named + 1, _ends(unit, clock), before)


def _some_day(words: Words, at: int, clock: Clock, before: str) -> Part | None:
    """The weekend, the end of the month: one of several days."""
    start = at + (words.word(at) == "the")
    if words.word(start) == "weekend":
        return _weekend(at, start + 1, clock, before)
    if words.word(start).removesuffix("s") in WEEKDAYS and words.word(start).endswith("days"):
        weekday = WEEKDAYS[words.word(start).removesuffix("s")]
        near = clock.next_weekday(weekday)
        name = WEEKDAY_NAMES[weekday]
        options = [(f"Every {name}", f"every {name.lower()}"), day_option(near, in_words(near), before)]
        return unclear("which_day", f"Every {name}, or only the next?", at, start + 1, options)
    if words.phrase(start, "end", "of"):
        named = start + 2 + (words.word(start + 2) in ("the", "this", "next"))
        unit = words.word(named)
        if unit in (DAY, WEEK, MONTH, YEAR) or unit in MONTHS:
            days = _ends(unit, clock)
            return _which_day("Which day is meant?", at, named + 1, days, before)
    return None


def _ends(unit: str, clock: Clock) -> list[date]:
    today = clock.today
    if unit == DAY:
        return [today, clock.after(1)]
    if unit == WEEK:
        return [day for day in (clock.next_weekday(4), clock.next_weekday(6)) if day != today]
    year, month = (today.year, 12) if unit == YEAR else (today.year, MONTHS.get(unit, today.month))
    year += month < today.month
    end = date(year, month, last_day(year, month))
    return [end, end + timedelta(days=1)]


def _weekend(first: int, last: int, clock: Clock, before: str) -> Part:
    days = [clock.next_weekday(5), clock.next_weekday(6)]
    return _which_day("Saturday or Sunday?", first, last, days, before)


def _which_day(text: str, first: int, last: int, days: list[date], before: str) -> Part:
    options = [day_option(day, in_words(day), before) for day in days]
    return unclear("which_day", text, first, last, options)


def read_in(words: Words, at: int, clock: Clock) -> Part | None:
    """In 3 weeks: what follows the word in. Minutes and hours are exact, days and months are local dates."""
    amount = read_amount(words, at)
    if amount is None:
        return None
    last = amount.last + (words.word(amount.last) == "time")
    try:
        day = _day_in(amount, clock)
    except OverflowError:
        return unclear("no_such_date", _TOO_FAR, at, last)
    is_mixed = (amount.minutes > 0) + (amount.days > 0) + (amount.months > 0) > 1
    if amount.is_vague or is_mixed or amount.years:
        options = [
            day_option(day, in_words(day)),
            day_option(day + timedelta(days=1), in_words(day + timedelta(days=1))),
        ]
        return unclear("which_day", "Which day is meant?", at, last, options)
    if amount.minutes:
        return Part("moment", at, last, amount.minutes)
    if not clock.has_day(day):
        return unclear("no_such_date", "There is no such day. Which one is meant?", at, last)
    return Part("day", at, last, day)


def read_about(words: Words, at: int) -> Part | None:
    """Within 2 days, in the next 2 hours: some time until then."""
    amount = read_amount(words, at)
    if amount is None:
        return None
    said = words.text(at, amount.last)
    return unclear("which_day", "When is it due?", at, amount.last, [(f"In {said}", f"in {said}")])


def read_from_now(words: Words, at: int) -> Part | None:
    """3 days from now: the grammar has it as in 3 days."""
    amount = read_amount(words, at)
    if amount is None or words.word(amount.last) not in ("from", "after"):
        return None
    if words.word(amount.last + 1) not in ("now", TODAY):
        return None
    said = words.text(at, amount.last)
    return unclear("which_day", "Which day is that?", at, amount.last + 2, [(f"In {said}", f"in {said}")])


def _day_in(amount: Amount, clock: Clock) -> date:
    days = amount.days + amount.minutes // MINUTES_OF_A_DAY
    day = months_later(clock.after(days), amount.months + 12 * amount.years)
    if day.year > LAST_YEAR:
        raise OverflowError("The year is too far away.")
    return day
