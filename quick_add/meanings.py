"""Which words of a sentence were understood, and what they mean in English."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import cached_property
from typing import Any

from quick_add.amounts import MINUTES_OF_A_DAY
from quick_add.answers import Span
from quick_add.clock import Clock, in_words
from quick_add.parts import Part
from quick_add.reading import Item
from quick_add.rules import rule_text
from quick_add.tokens import Words
from quick_add.vocabulary import NIGHT, TONIGHT
from recurrence.rules import describe

_AFTER_A_PHRASE = set(",;.:!?)]}…-–—")  # noqa: RUF001
_BEFORE_A_PHRASE = set(",;:([{-–—")  # noqa: RUF001


@dataclass(frozen=True)
class Spans:
    """Each token is of one phrase, with the punctuation and the `and` around it, or of the title."""

    words: Words
    items: tuple[Item, ...]
    clock: Clock

    @cached_property
    def _parts(self) -> list[Part]:
        return [part for item in self.items for part in item.parts]

    @cached_property
    def _owners(self) -> list[int | None]:
        """By token: the number of its phrase; None for the title."""
        owners: list[int | None] = [None] * len(self.words.tokens)
        number = 0
        for item in self.items:
            for part in item.parts:
                first = item.first if part is item.parts[0] else part.first
                owners[first : part.last] = [number] * (part.last - first)
                number += 1
        self._take_punctuation(owners)
        return owners

    def _take_punctuation(self, owners: list[int | None]) -> None:
        places = range(len(owners))
        for at in places[1:]:
            if owners[at] is None and self._is_mark(at, _AFTER_A_PHRASE):
                owners[at] = owners[at - 1]
        for at in reversed(places[:-1]):
            if owners[at] is None and self._is_mark(at, _BEFORE_A_PHRASE):
                owners[at] = owners[at + 1]

    def _is_mark(self, at: int, marks: set[str]) -> bool:
        mark = self.words.mark(at)
        return bool(mark) and set(mark) <= marks

    @cached_property
    def rest(self) -> str:
        """The words of the title: with one space between them, and without the marks of quotations."""
        pieces: list[str] = []
        end = -1
        for token, owner in zip(self.words.tokens, self._owners, strict=True):
            if owner is None:
                pieces += [" " if token.start > end else "", token.text]
                end = token.end
        return " ".join("".join(pieces).split())

    def listed(self, fields: Mapping[str, Any]) -> tuple[Span, ...]:
        """The phrases in the order of the sentence; without `fields` those that are clear by themselves."""
        ends: dict[int, list[int]] = {}
        for token, owner in zip(self.words.tokens, self._owners, strict=True):
            if owner is not None:
                ends.setdefault(owner, [token.start, token.end])[1] = token.end
        return tuple(
            Span(start, end, self.words.sentence[start:end], self._meaning(self._parts[number], fields))
            for number, (start, end) in sorted(ends.items())
            if fields or not self._parts[number].doubts
        )

    def _meaning(self, part: Part, fields: Mapping[str, Any]) -> str:
        if part.kind == "remind":
            return _reminder(part, fields)
        if part.kind == "rule":
            return f"repeats {self._rule(part, fields)}"
        if part.kind == "moment":
            moment = fields.get("due_at") or fields.get("reminder_at")
            return "a time from now" if moment is None else f"{in_words(moment.date())}, at {moment:%H:%M}"
        if part.kind == "weekday":
            return in_words(fields.get("due_date") or self.clock.next_weekday(part.value))
        return _plain_meaning(part, fields)

    def _rule(self, part: Part, fields: Mapping[str, Any]) -> str:
        due_date: date | None = fields.get("due_date")
        at: datetime | None = fields.get("due_at") or fields.get("reminder_at")
        if due_date is not None:
            anchor = datetime.combine(due_date, time())
        elif at is not None:
            anchor = at.replace(tzinfo=None)
        else:
            return "by a rule"
        timezone = self.clock.timezone
        text = describe(rule_text(part.value), anchor=anchor, timezone=timezone, all_day=at is None)
        return text[:1].lower() + text[1:]


def _plain_meaning(part: Part, fields: Mapping[str, Any]) -> str:
    if part.kind == "day":
        return in_words(part.value)
    if part.kind == "time":
        at = fields.get("due_at") or fields.get("reminder_at")
        return f"at {at:%H:%M}" if at is not None and at.minute == part.value.minute else "a time of day"
    if part.kind == "half":
        name = part.value.name
        return name if name in (TONIGHT, NIGHT) else f"{'this' if part.value.is_today else 'in the'} {name}"
    if part.kind == "before":
        return f"reminder {_before(part.value)}"
    before = {"midnight": "at midnight", "tag": "tag ", "priority": "priority "}
    if part.kind in before:
        return before[part.kind] + (part.value or "")
    return f"{'from' if part.kind == 'from' else 'until the end of'} {in_words(part.value)}"


def _reminder(part: Part, fields: Mapping[str, Any]) -> str:
    offsets = [one.value for one in part.value if one.kind == "before"]
    if offsets:
        return f"reminder {' and '.join(map(_before, offsets))}"
    at = fields.get("reminder_at")
    return "reminder" if at is None else f"reminder on {in_words(at.date())}, at {at:%H:%M}"


def _before(minutes: int) -> str:
    for unit, size in (("day", MINUTES_OF_A_DAY), ("hour", 60), ("minute", 1)):
        if minutes % size == 0:
            number = minutes // size
            return f"{number} {unit}{'' if number == 1 else 's'} before"
    return f"{minutes} minutes before"
