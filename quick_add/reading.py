"""The phrases of a sentence, in the order in which they stand there."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from quick_add.amounts import read_amount
from quick_add.clock import Clock, months_later
from quick_add.how_often import read_length
from quick_add.labels import read_label
from quick_add.parts import Doubt, Part, doubt, unclear
from quick_add.reminders import join_after, read_before, reads_remind_me
from quick_add.runs import RunReader
from quick_add.tokens import Words

_POLITE = {"please", "can", "could", "will", "would", "you", "hey"}
_MOST_POLITE = 4
_NOT_ASKED = {"to", "not", "never", "don't", "should", "must", "did", "does", "who", "that", "or"}
"""Directly before remind me they take it into the title: ask bob to remind me."""


@dataclass(frozen=True)
class Item:
    """The tokens first to last - 1: phrases in a row, or a label or reminder, which may stand anywhere."""

    parts: tuple[Part, ...]
    first: int
    last: int
    stands_anywhere: bool = False

    @property
    def is_opened(self) -> bool:
        return self.parts[0].opened


@dataclass(frozen=True)
class Reader:
    words: Words
    clock: Clock
    priorities: Mapping[str, int]
    everywhere: bool

    def items(self) -> Iterator[Item]:
        at, end_of_last, for_reminder = 0, -1, self.everywhere
        while at < len(self.words.tokens):
            item = self._item(at, for_reminder=for_reminder)
            if item is None:
                at += 1
                continue
            if item.parts[0].kind == "remind" and self._is_asked_politely(item.first):
                item = replace(item, first=0)
            if self.words.word(item.first - 1) == "and" and item.first - 1 == end_of_last:
                item = replace(item, first=item.first - 1)
            yield item
            at = end_of_last = item.last
            for_reminder = for_reminder or _waits(item)

    def _is_asked_politely(self, first: int) -> bool:
        """Please remind me, could you remind me: what is said before it is not a title."""
        said = self.words.tokens[:first][:_MOST_POLITE]
        return 0 < first <= _MOST_POLITE and all(token.lower in _POLITE for token in said)

    def _item(self, at: int, *, for_reminder: bool) -> Item | None:
        if label := read_label(self.words, at, self.priorities):
            return Item((label,), at, label.last, stands_anywhere=True)
        if reads_remind_me(self.words, at):
            return self._reminder(at)
        if for_reminder and (before := read_before(self.words, at)):
            return Item((before,), at, before.last, stands_anywhere=True)
        return self._run(at)

    def _run(self, at: int) -> Item | None:
        parts = RunReader(self.words, self.clock, self.everywhere).run(at)
        if not parts:
            return None
        if any(part.kind == "rule" for part in parts) and (length := self._length(parts[-1].last)):
            parts.append(length)
        return Item(tuple(parts), parts[0].first, parts[-1].last)

    def _length(self, at: int) -> Part | None:
        """For 2 weeks: how long a recurrence goes on is asked as a day."""
        last = read_length(self.words, at)
        if last is None:
            return None
        amount = read_amount(self.words, at + 1)
        options = []
        if amount is not None and not amount.minutes:
            try:
                day = months_later(self.clock.after(amount.days), amount.months + 12 * amount.years)
                ends = (day - timedelta(days=1), day)
                options = [(f"Until {end.isoformat()}", f"until {end.isoformat()}") for end in ends]
            except OverflowError:
                options = []
        return unclear("which_day", "Until which day?", at, last, options)

    def _reminder(self, at: int) -> Item:
        """Remind me, with when; where nothing says when, it is the other phrases of the sentence."""
        parts: list[Part] = []
        last = at + 2
        while before := read_before(self.words, last + (bool(parts) and self.words.word(last) == "and")):
            parts.append(before)
            last = before.last
        if not parts:
            parts = RunReader(self.words, self.clock, self.everywhere).run(last, opened=True)
            last = parts[-1].last if parts else last
        last = join_after(self.words, last)
        doubts: tuple[Doubt, ...] = ()
        if self.words.word(at - 1) in _NOT_ASKED:
            said = self.words.text(at, last)
            options = [("It is a part of the title", f'"{said}"'), ("Leave it out", "")]
            doubts = (doubt("which_times", "Is this a reminder?", at, last, options),)
        part = Part("remind", at, last, tuple(parts), doubts, opened=True)
        return Item((part,), at, last, stands_anywhere=True)


def _waits(item: Item) -> bool:
    """Whether it is a remind me that does not say when."""
    return item.parts[0].kind == "remind" and not item.parts[0].value
