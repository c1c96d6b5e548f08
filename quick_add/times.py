"""Times of day: at 9, 9am, 9:30, 21:00, noon, midnight, in the evening."""

import re
from dataclasses import replace
from typing import NamedTuple

from quick_add.amounts import unit_of
from quick_add.parts import Part, Time, doubt, unclear
from quick_add.tokens import Words
from quick_add.vocabulary import DETERMINERS, HALVES, NIGHT, NUMBERS, TONIGHT

_NOON = {"noon", "midday"}
_CLOCK = re.compile(r"([0-9]{1,2})[:.]([0-9]{2})")
_COLON = re.compile(r"([0-9]{1,2}):([0-9]{2})(?::[0-9]{2})?")
# 9.30, 0930, 9h30, 9ish: as some write it, and as other things are written.
_UNUSUAL = re.compile(r"([0-9]{1,2})(?:\.|h|)([0-5][0-9])|([0-9]{1,2})(?:h|ish)")
_HOUR = re.compile(r"[0-9]{1,2}")
_SUFFIXED = re.compile(r"([0-9]{1,2})(?:[:.]([0-9]{2}))?(am|pm|a\.m\.?|p\.m\.?)")
_SUFFIX = re.compile(r"am|pm|a\.m\.?|p\.m\.?")
_COUNTED = {"percent", "%", "euros", "euro", "dollars", "km", "kg", "people", "times", "degrees", "o'clock"}
_OCLOCK = {"o'clock", "o’clock", "oclock"}  # noqa: RUF001 - as telephones write it
_HYPHENS = re.compile("[-–]")  # noqa: RUF001
RANGES = {
    "from": {"to", "until", "till", "-", "–"},  # noqa: RUF001
    "between": {"and", "-", "–"},  # noqa: RUF001
}
_PAST = {"half": 30, "quarter": 15}


class Half(NamedTuple):
    """Part of a day: morning, afternoon, evening, tonight or night. `is_today`: this morning, tonight."""

    name: str
    is_today: bool


def read_time(words: Words, at: int, *, after: str) -> Part | None:
    """A time that begins there. `after` is the word before that opened it (at, by ...), or empty.

    Only after `at` is a bare number a time; after `by` it may be one.
    """
    return (
        _half_of_day(words, at, after=after)
        or _named(words, at)
        or _written(words, at, after=after)
        or _spoken(words, at)
        or (_bare_hour(words, at, after=after) if after in ("at", "by") else None)
    )


def _half_of_day(words: Words, at: int, *, after: str) -> Part | None:
    word = words.word(at)
    if word == TONIGHT:
        return Part("half", at, at + 1, Half(TONIGHT, is_today=True))
    if word == "this" and words.word(at + 1) in HALVES:
        return Part("half", at, at + 2, Half(words.word(at + 1), is_today=True))
    if word == "the" and after == "in" and words.word(at + 1) in HALVES:
        return _half(words.word(at + 1), at, at + 2)
    return _half(word, at, at + 1) if word in HALVES else None


def _half(name: str, first: int, last: int) -> Part:
    if name != NIGHT:
        return Part("half", first, last, Half(name, is_today=False), weak=True)
    options = [(hour, f"at {hour}") for hour in ("20:00", "22:00")]
    doubts = (doubt("which_times", "At what time of the night?", first, last, options),)
    return Part("half", first, last, Half(NIGHT, is_today=False), doubts, weak=True)


def _named(words: Words, at: int) -> Part | None:
    word = words.word(at)
    if word in _NOON:
        return Part("time", at, at + 1, Time(12, 0, False, (at, at + 1)), weak=True)
    return Part("midnight", at, at + 1, weak=True) if word == "midnight" else None


def _written(words: Words, at: int, *, after: str) -> Part | None:
    """9am, 9 pm, 9:30, 9:30 am, 21:00."""
    word, following = words.word(at), words.word(at + 1)
    last = at + 1
    suffixed = _SUFFIXED.fullmatch(word)
    if (
        suffixed is None
        and _SUFFIX.fullmatch(following)
        and (_HOUR.fullmatch(word) or _CLOCK.fullmatch(word))
    ):
        suffixed, last = _SUFFIXED.fullmatch(word + following), at + 2
    if suffixed is not None:
        return _twelve_hours(suffixed, at, last)
    if clock := _COLON.fullmatch(word):
        return _clock_time(clock, word, at)
    ends = _HYPHENS.split(word)
    if len(ends) == 2 and (hour_of(ends[0]) or _is_exact(ends[0])) and _is_exact(ends[1]):
        return _one_of_range(ends, at, last)
    if after == "at" and (unusual := _UNUSUAL.fullmatch(word)) and int(unusual[1] or unusual[3]) < 24:
        written = f"{(unusual[1] or unusual[3]).zfill(2)}:{unusual[2] or '00'}"
        return unclear("which_times", f"Is {word} a time?", at, last, [(f"At {written}", f"at {written}")])
    return None


def _twelve_hours(found: re.Match[str], first: int, last: int) -> Part:
    hour, minute = int(found[1]), int(found[2] or 0)
    is_pm = found[3].startswith("p")
    if not 1 <= hour <= 12 or minute > 59:
        near = [f"{hour % 12 or 12}:{minute % 60:02}{half}" for half in ("am", "pm")]
        options = [(text, f"at {text}") for text in near]
        return unclear("no_such_time", "There is no such time. Which is meant?", first, last, options)
    is_twelve_am = hour == 12 and not is_pm
    of_day = hour % 12 + 12 * is_pm
    number = (first, last)
    return Part("time", first, last, Time(of_day, minute, False, number, is_twelve_am=is_twelve_am))


def _clock_time(found: re.Match[str], word: str, at: int) -> Part:
    hour, minute = int(found[1]), int(found[2])
    if hour > 23 or minute > 59:
        options = [(text, f"at {text}") for text in (f"{hour % 24:02}:{minute % 60:02}", "23:59")]
        return unclear("no_such_time", f"There is no {word}. Which time is meant?", at, at + 1, options)
    is_bare = 1 <= hour <= 12 and not word.startswith("0")
    return Part("time", at, at + 1, Time(hour, minute, is_bare, (at, at + 1)))


def _spoken(words: Words, at: int) -> Part | None:
    """Half past 9, quarter to 5, 9 o'clock."""
    first, at = at, at + (words.word(at) == "a")
    minutes, side = _PAST.get(words.word(at)), words.word(at + 1)
    hour = hour_of(words.word(at + 2))
    if minutes and side in ("past", "to") and not (minutes == 30 and side == "to") and hour and hour <= 12:
        last = at + 3 + (words.word(at + 3) in _OCLOCK)
        if side == "to":
            hour, minutes = (hour - 2) % 12 + 1, 60 - minutes
        return Part("time", first, last, Time(hour, minutes, True, (first, last)))
    return _bare(words, first) if words.word(first + 1) in _OCLOCK else None


def read_range(words: Words, at: int) -> Part | None:
    """From 9 to 11, between 9am and 5pm: two times where a task has one."""
    ends = [words.word(at + 1), words.word(at + 3)]
    to = words.word(at + 2) or words.mark(at + 2)
    if to not in RANGES[words.word(at)] or not all(hour_of(end) or _is_exact(end) for end in ends):
        return None
    return _one_of_range(ends, at, at + 4)


def _is_exact(word: str) -> bool:
    return bool(_SUFFIXED.fullmatch(word) or _COLON.fullmatch(word))


def _one_of_range(ends: list[str], first: int, last: int) -> Part:
    options = [(f"At {end}", f"at {end}") for end in ends]
    return unclear("which_times", "A task has one time. Which is meant?", first, last, options)


def hour_of(word: str) -> int | None:
    """A bare hour from 1 to 23; None for another word."""
    hour = int(word) if _HOUR.fullmatch(word) else NUMBERS.get(word, 0)
    return hour if 1 <= hour <= 23 else None


def _bare_hour(words: Words, at: int, *, after: str) -> Part | None:
    part = _bare(words, at)
    if part is None or after == "at":
        return part
    hour = part.value.hour
    halves = ("am", "pm") if hour <= 12 else (":00",)
    options = [(f"At {hour}{half}", f"at {hour}{half}") for half in halves]
    found = doubt("am_or_pm", f"Is {words.word(at)} a time?", at, part.last, options)
    return replace(part, doubts=(found,))


def bare_time(words: Words, at: int) -> Part | None:
    """A number directly after a day: tomorrow 9. Where more words follow it may belong to them."""
    ends = _HYPHENS.split(words.word(at))
    if len(ends) == 2 and all(_HOUR.fullmatch(end) and hour_of(end) for end in ends):
        return _one_of_range(ends, at, at + 1)
    return _bare(words, at) if _HOUR.fullmatch(ends[0]) and len(ends) == 1 else None


def _bare(words: Words, at: int) -> Part | None:
    word, following = words.word(at), words.word(at + 1)
    hour = hour_of(word)
    if hour is None or words.mark(at + 1)[:1] == "%":
        return None
    if following in _OCLOCK:
        return Part("time", at, at + 2, Time(hour, 0, hour <= 12, (at, at + 2)))
    if following in _COUNTED or unit_of(following) is not None:
        return None
    is_bare = hour <= 12 and not word.startswith("0")
    return Part("time", at, at + 1, Time(hour, 0, is_bare, (at, at + 1)))


def is_described(words: Words, at: int) -> bool:
    """Whether a time there describes the word after it: the 9:30 train."""
    return words.word(at - 1) in DETERMINERS
