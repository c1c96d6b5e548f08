"""The strict reader of `rrule:` rules: a subset of RFC 5545, 3.3.10, with a code for each fault.

A leaf: it imports nothing of the project but errors.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Literal, Self

from recurrence.errors import RuleError

Frequency = Literal["DAILY", "WEEKLY", "MONTHLY", "YEARLY"]

LONGEST_INTERVAL: dict[Frequency, int] = {"DAILY": 999, "WEEKLY": 104, "MONTHLY": 60, "YEARLY": 10}
UNITS: dict[Frequency, str] = {"DAILY": "days", "WEEKLY": "weeks", "MONTHLY": "months", "YEARLY": "years"}
WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")

_TIME_OF_DAY = "A rule says which days; its time is the anchor's. For several times a day use cron."
_UNSUPPORTED = {
    "BYHOUR": _TIME_OF_DAY,
    "BYMINUTE": _TIME_OF_DAY,
    "BYSECOND": _TIME_OF_DAY,
    "BYWEEKNO": "Use BYMONTH with BYDAY or BYMONTHDAY.",
    "BYYEARDAY": "Use BYMONTH with BYMONTHDAY.",
    "DTSTART": "The series starts with the task's own due time.",
    "RSCALE": "Rules follow the Gregorian calendar.",
    "SKIP": "Use BYMONTHDAY=28,29,30,31;BYSETPOS=-1 for a day that short months do not have.",
}
_TOO_OFTEN = ("HOURLY", "MINUTELY", "SECONDLY")
_NUMBER = re.compile(r"[+-]?[0-9]+")
_COUNT = re.compile(r"(\bCOUNT=)[+]?[0-9]+", re.IGNORECASE)
_WEEKDAY = re.compile(rf"(?P<number>[+-]?[0-9]+)?(?P<weekday>{'|'.join(WEEKDAYS)})")


@dataclass(frozen=True, kw_only=True)
class RRule:
    """A rule as read. Weekdays are 0 to 6 from Monday; an empty set is a part that was not given.

    numbered: (number, weekday), such as (-1, 4) for the last Friday.
    """

    freq: Frequency
    interval: int = 1
    weekdays: frozenset[int] = frozenset()
    numbered: frozenset[tuple[int, int]] = frozenset()
    month_days: frozenset[int] = frozenset()
    months: frozenset[int] = frozenset()
    positions: frozenset[int] = frozenset()
    week_start: int = 0
    count: int | None = None

    @property
    def takes_day_from_anchor(self) -> bool:
        return not (self.weekdays or self.numbered or self.month_days)

    @property
    def is_only_a_period(self) -> bool:
        """Whether it is FREQ, INTERVAL and WKST alone."""
        return self.takes_day_from_anchor and not self.months and self.count is None

    def from_anchor(self, anchor: date) -> Self:
        """The rule with the weekday, or the day and month, that it takes from the anchor."""
        if not self.takes_day_from_anchor or self.freq == "DAILY":
            return self
        if self.freq == "WEEKLY":
            return replace(self, weekdays=frozenset({anchor.weekday()}))
        supplied = frozenset({anchor.month}) if self.freq == "YEARLY" else frozenset()
        return replace(self, month_days=frozenset({anchor.day}), months=self.months or supplied)


def parse_rrule(text: str) -> RRule:
    """Read what follows `rrule:`.

    Raises RuleError: not_ascii; then, part by part, bad_syntax, until_is_recurrence_end, unsupported or
    out_of_range; then bad_syntax (no FREQ), out_of_range (INTERVAL) and the combinations of parts. The first
    fault in this order counts.
    """
    if not text.isascii():
        raise RuleError("not_ascii", "A rule is plain ASCII, such as FREQ=WEEKLY;INTERVAL=2;BYDAY=FR.")
    read: dict[str, Any] = {}
    for part in text.upper().split(";"):
        name, equals, value = part.partition("=")
        if not equals or name in read:
            right = "write NAME=VALUE, each name once, with one semicolon in between."
            raise RuleError("bad_syntax", f"{part!r} cannot be read; {right}")
        read[name] = _read_value(name, value)
    if "FREQ" not in read:
        raise RuleError("bad_syntax", f"FREQ is missing: one of {', '.join(LONGEST_INTERVAL)}.")
    rule = RRule(
        freq=read["FREQ"],
        interval=read.get("INTERVAL", 1),
        weekdays=frozenset(day for number, day in read.get("BYDAY", ()) if number is None),
        numbered=frozenset((number, day) for number, day in read.get("BYDAY", ()) if number is not None),
        month_days=frozenset(read.get("BYMONTHDAY", ())),
        months=frozenset(read.get("BYMONTH", ())),
        positions=frozenset(read.get("BYSETPOS", ())),
        week_start=read.get("WKST", 0),
        count=read.get("COUNT"),
    )
    _check_combinations(rule)
    return rule


def with_count(rule: str, count: int) -> str:
    """The text of a rule that has a COUNT, with this one; everything else as it was written."""
    return _COUNT.sub(rf"\g<1>{count}", rule)


def _read_value(name: str, value: str) -> Any:
    if name == "UNTIL":
        raise RuleError("until_is_recurrence_end", "Remove UNTIL and set recurrence_end: it is included.")
    if name in _UNSUPPORTED:
        raise RuleError("unsupported", f"{name} is not supported. {_UNSUPPORTED[name]}")
    if name not in _READERS:
        raise RuleError("bad_syntax", f"{name!r} is not a part of a rule; use {', '.join(_READERS)}.")
    return _READERS[name](name, value)


def _read_frequency(name: str, value: str) -> str:
    if value in _TOO_OFTEN:
        raise RuleError("unsupported", f"{name}={value} is not supported. {_TIME_OF_DAY}")
    if value not in LONGEST_INTERVAL:
        raise RuleError("bad_syntax", f"FREQ is one of {', '.join(LONGEST_INTERVAL)}, not {value!r}.")
    return value


def _read_week_start(name: str, value: str) -> int:
    if value not in WEEKDAYS:
        raise RuleError("bad_syntax", f"{name} is one of {', '.join(WEEKDAYS)}, not {value!r}.")
    return WEEKDAYS.index(value)


def _read_weekdays(name: str, value: str) -> list[tuple[int | None, int]]:
    matches = [_WEEKDAY.fullmatch(item) for item in value.split(",")]
    days = [
        (int(match["number"]) if match["number"] else None, WEEKDAYS.index(match["weekday"]))
        for match in matches
        if match is not None
    ]
    if len(days) < len(matches):
        right = (
            f"list {', '.join(WEEKDAYS)} with commas; a number stands before the day, such as 2MO or -1FR."
        )
        raise RuleError("bad_syntax", f"{name}={value} cannot be read; {right}")
    _check_range(name, [number for number, _ in days if number is not None], -5, 5)
    return days


def _numbers(low: int, high: int) -> Callable[[str, str], list[int]]:
    def read(name: str, value: str) -> list[int]:
        items = value.split(",")
        if not all(map(_NUMBER.fullmatch, items)):
            raise RuleError("bad_syntax", f"{name}={value} cannot be read; list numbers with commas.")
        numbers = [int(item) for item in items]
        _check_range(name, numbers, low, high)
        return numbers

    return read


def _number(high: int) -> Callable[[str, str], int]:
    def read(name: str, value: str) -> int:
        if not _NUMBER.fullmatch(value):
            raise RuleError("bad_syntax", f"{name}={value} cannot be read; write one number.")
        _check_range(name, [int(value)], 1, high)
        return int(value)

    return read


def _check_range(name: str, numbers: list[int], low: int, high: int) -> None:
    for number in numbers:
        if not low <= number <= high or (number == 0 and low < 0):
            zero = ", without 0" if low < 0 else ""
            raise RuleError("out_of_range", f"{name} has {number}; it goes from {low} to {high}{zero}.")


_READERS: dict[str, Callable[[str, str], Any]] = {
    "FREQ": _read_frequency,
    "INTERVAL": _number(max(LONGEST_INTERVAL.values())),
    "BYDAY": _read_weekdays,
    "BYMONTHDAY": _numbers(-31, 31),
    "BYMONTH": _numbers(1, 12),
    "BYSETPOS": _numbers(-31, 31),
    "WKST": _read_week_start,
    "COUNT": _number(1000),
}


def _check_combinations(rule: RRule) -> None:
    longest = LONGEST_INTERVAL[rule.freq]
    if rule.interval > longest:
        right = f"at most {longest} {UNITS[rule.freq]} fit."
        raise RuleError("out_of_range", f"INTERVAL is {rule.interval}; {right}")
    if rule.numbered and not (rule.freq == "MONTHLY" or (rule.freq == "YEARLY" and rule.months)):
        right = "use FREQ=MONTHLY, or FREQ=YEARLY with BYMONTH."
        raise RuleError("unsupported", f"A number before a weekday counts in a month; {right}")
    if rule.month_days and rule.freq == "WEEKLY":
        raise RuleError("unsupported", "BYMONTHDAY is not supported in FREQ=WEEKLY; use BYDAY.")
    if rule.positions and rule.takes_day_from_anchor and not rule.months:
        raise RuleError("bad_syntax", "BYSETPOS picks from BYDAY, BYMONTHDAY or BYMONTH; add one of these.")
    if rule.positions and rule.freq == "DAILY":
        right = "remove it, or use FREQ=WEEKLY, MONTHLY or YEARLY."
        raise RuleError("unsupported", f"BYSETPOS picks from several days, and FREQ=DAILY has one; {right}")
