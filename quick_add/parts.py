"""What readers of phrases hand back: a part of a sentence with its meaning, or with what is unclear in it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, time
from typing import Any, Literal, NamedTuple


class Edit(NamedTuple):
    """Put `text` in the place of the tokens first to last - 1."""

    first: int
    last: int
    text: str


class Option(NamedTuple):
    """One answer to a doubt, and what it makes of the sentence."""

    label: str
    edits: tuple[Edit, ...]


@dataclass(frozen=True)
class Doubt:
    """What has to be asked about the tokens first to last - 1."""

    code: str
    text: str
    first: int
    last: int
    options: tuple[Option, ...] = ()


Kind = Literal[
    "day",  # date
    "weekday",  # int, Monday 0
    "moment",  # minutes from now
    "time",  # Time
    "half",  # of the day: morning, afternoon, evening, tonight
    "midnight",  # the name is all
    "rule",  # Rule
    "from",  # date: where a series begins
    "until",  # date: where it ends
    "before",  # minutes before the due time
    "remind",  # remind me: the parts that say when, none if others do
    "tag",  # str
    "priority",  # str
    "unclear",  # only doubts
]


@dataclass(frozen=True)
class Part:
    """The tokens first to last - 1, and what they mean.

    `opened`: a word such as `on` stands before it. `weak`: by itself, as the last words of a sentence, it is
    not certain that it is meant.
    """

    kind: Kind
    first: int
    last: int
    value: Any = None
    doubts: tuple[Doubt, ...] = ()
    opened: bool = False
    weak: bool = False

    def from_opener(self, first: int) -> "Part":
        """The same, with the words before it that opened it."""
        doubts = tuple(_widened(doubt, self.first, first) for doubt in self.doubts)
        return replace(self, first=first, opened=True, doubts=doubts)


def _widened(doubt: Doubt, old: int, new: int) -> Doubt:
    if doubt.first != old:
        return doubt
    options = [
        Option(label, tuple(edit._replace(first=new) if edit.first == old else edit for edit in edits))
        for label, edits in doubt.options
    ]
    return replace(doubt, first=new, options=tuple(options))


class Time(NamedTuple):
    """A time of day as it was said. `is_bare`: without am, pm or anything else that says which half it is.

    `number` are the tokens of the hour, where am or pm would be written.
    """

    hour: int
    minute: int
    is_bare: bool
    number: tuple[int, int]
    is_twelve_am: bool = False

    @property
    def at(self) -> time:
        return time(self.hour, self.minute)


@dataclass(frozen=True)
class Rule:
    """A recurrence as it was said; the parts are those of RFC 5545."""

    freq: Literal["DAILY", "WEEKLY", "MONTHLY", "YEARLY"]
    interval: int = 1
    month: int | None = None
    month_day: int | None = None
    weekdays: tuple[int, ...] = ()
    number: int | None = None  # of the one weekday in the month: 1 is the first, -1 the last
    position: int | None = None  # among the weekdays of the month

    @property
    def names_a_day(self) -> bool:
        return self.freq == "DAILY" or bool(self.weekdays) or self.month_day is not None


def unclear(code: str, text: str, first: int, last: int, options: Sequence[tuple[str, str]] = ()) -> Part:
    """Tokens of which only a question is known. Options are labels and what stands in their place then."""
    return Part("unclear", first, last, doubts=(doubt(code, text, first, last, options),))


def doubt(code: str, text: str, first: int, last: int, options: Sequence[tuple[str, str]] = ()) -> Doubt:
    made = tuple(Option(label, (Edit(first, last, words),)) for label, words in options)
    return Doubt(code, text, first, last, made)


def day_option(day: date, words: str, before: str = "on") -> tuple[str, str]:
    return words, f"{before} {day.isoformat()}"
