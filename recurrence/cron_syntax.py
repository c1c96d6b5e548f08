"""The strict reader of `cron:` rules: five fields, and nothing a library would read in its own way.

croniter's own check is not enough: it takes `1-1` for the whole week, draws a new value for `R` at every
reading and accepts a sixth field. The grammar is that of Debian's crontab(5) without its surprises.
It imports nothing of the project but errors.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from recurrence.errors import RuleError


class Field(NamedTuple):
    """One of the five columns: its bounds, and the three-letter names of its values from `low` on."""

    name: str
    low: int
    high: int
    names: tuple[str, ...] = ()


MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
FIELDS = (
    Field("minute", 0, 59),
    Field("hour", 0, 23),
    Field("day of month", 1, 31),
    Field("month", 1, 12, MONTHS),
    Field("day of week", 0, 7, WEEKDAYS),
)
ALIASES = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}

_VALUE = r"(?:[0-9]+|[A-Za-z]{3})"
_ITEM = re.compile(
    rf"\*(?:/(?P<every>[0-9]+))?|(?P<low>{_VALUE})(?:-(?P<high>{_VALUE})(?:/(?P<step>[0-9]+))?)?"
)
# A lone L, W, LW, H or R: the letters of JUL, WED or THU stand beside others.
_UNSUPPORTED = re.compile(r"[#?]|(?<![A-Z])(?:LW|[LWHR])(?![A-Z])", re.IGNORECASE)


class Item(NamedTuple):
    """One entry of a field's list; `high` is None for a single number."""

    low: int
    high: int | None
    step: int

    def values(self) -> range:
        return range(self.low, (self.low if self.high is None else self.high) + 1, self.step)


@dataclass(frozen=True, kw_only=True)
class Cron:
    """A cron expression as read. Weekdays are 0 to 6 from Sunday.

    both_days: day of month AND day of week, as one of these fields starts with `*`; otherwise either is
    enough.
    wildcard: minute or hour starts with `*`, which decides what happens when clocks change.
    """

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    both_days: bool
    wildcard: bool


def parse_cron(expression: str) -> Cron:
    """Read what follows `cron:`.

    Raises RuleError: not_ascii, unsupported (an alias), field_count; then, field by field, unsupported,
    bad_syntax, out_of_range, bad_step or range_order. The first fault in this order counts.
    """
    texts = _split(expression)
    minutes, hours, days, months, weekdays = map(_read_field, texts, FIELDS)
    return Cron(
        minutes=minutes,
        hours=hours,
        days=days,
        months=months,
        weekdays=frozenset(day % 7 for day in weekdays),
        both_days=texts[2].startswith("*") or texts[4].startswith("*"),
        wildcard=texts[0].startswith("*") or texts[1].startswith("*"),
    )


def _split(expression: str) -> list[str]:
    if not expression.isascii():
        raise RuleError(
            "not_ascii", "A cron rule is plain ASCII: digits, names, spaces and the signs * , - /."
        )
    if "\0" in expression:
        raise RuleError("bad_syntax", "A cron rule has no NUL character; remove it.")
    expression = expression.strip(" \t")
    if expression.startswith("@"):
        expression = _expand(expression)
    # Only spaces and tabs part fields: a line break must not smuggle in a second line.
    texts = re.findall(r"[^ \t]+", expression)
    if len(texts) != len(FIELDS):
        names = ", ".join(field.name for field in FIELDS)
        raise RuleError("field_count", f"A cron rule has five fields ({names}), not {len(texts)}.")
    return texts


def _expand(alias: str) -> str:
    if alias not in ALIASES:
        right = f"write five fields, or one of {', '.join(ALIASES)}."
        raise RuleError("unsupported", f"{alias!r} is not supported; {right}")
    return ALIASES[alias]


def _read_field(text: str, field: Field) -> frozenset[int]:
    if _UNSUPPORTED.search(text):
        wrong = f"{text!r} in the {field.name}: L, W, #, ?, H and R are not supported"
        raise RuleError("unsupported", f"{wrong}; use *, */n, numbers, ranges, names and lists of these.")
    items = _read_items(text, field)
    _check_bounds(items, field)
    _check_steps(items, field)
    _check_order(items, field)
    return frozenset().union(*(item.values() for item in items))


def _read_items(text: str, field: Field) -> list[Item]:
    texts = text.split(",")
    if len(texts) > 1 and any(item.startswith("*") for item in texts):
        raise _bad_syntax(text, field)
    return [_read_item(item, field) for item in texts]


def _read_item(text: str, field: Field) -> Item:
    match = _ITEM.fullmatch(text)
    if match is None:
        raise _bad_syntax(text, field)
    if match["low"] is None:
        return Item(field.low, field.high, int(match["every"] or 1))
    high = _read_value(match["high"], field) if match["high"] else None
    return Item(_read_value(match["low"], field), high, int(match["step"] or 1))


def _read_value(text: str, field: Field) -> int:
    if text.isdigit():
        return int(text)
    if text.upper() not in field.names:
        raise _bad_syntax(text, field)
    return field.names.index(text.upper()) + field.low


def _bad_syntax(text: str, field: Field) -> RuleError:
    names = f", or {field.names[0]} to {field.names[-1]} for a number" if field.names else ""
    right = f"write * or */n alone, or numbers, a-b and a-b/n in a list with commas{names}."
    return RuleError("bad_syntax", f"{text!r} in the {field.name} cannot be read; {right}")


def _check_bounds(items: Sequence[Item], field: Field) -> None:
    for value in (value for item in items for value in (item.low, item.high) if value is not None):
        if not field.low <= value <= field.high:
            right = f"it goes from {field.low} to {field.high}."
            raise RuleError("out_of_range", f"The {field.name} is {value}; {right}")


def _check_steps(items: Sequence[Item], field: Field) -> None:
    for item in items:
        if not 1 <= item.step <= field.high:
            right = f"it goes from 1 to {field.high}."
            raise RuleError("bad_step", f"The step of the {field.name} is {item.step}; {right}")


def _check_order(items: Sequence[Item], field: Field) -> None:
    for item in items:
        if item.high is not None and item.low >= item.high:
            right = "put the smaller first (Sunday is 7 there), and write a single value without a range."
            raise RuleError("range_order", f"The {field.name} has the range {item.low}-{item.high}; {right}")
