"""Where a phrase counts: after a word such as on, or as the last words. Elsewhere it is title."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import NamedTuple

from quick_add.amounts import number_of
from quick_add.clock import Clock, in_words
from quick_add.dates import ORDINAL
from quick_add.parts import Doubt, Edit, Option, day_option, doubt
from quick_add.reading import Item
from quick_add.times import is_described
from quick_add.tokens import Words
from quick_add.vocabulary import BELONGS_TO_NEXT, DAY, MONTH, NOT_THAT_DAY, UNITS, WEEK, YEAR

_RELATIVE = {"today", "tomorrow", "tonight", "the", "day"}
_BEGINS_A_PHRASE = {
    "to",
    "for",
    "with",
    "about",
    "from",
    "by",
    "at",
    "on",
    "in",
    "and",
    "or",
    "but",
    "please",
}
"""What an ordinal before them does not belong to: on the 31st to bob."""
_BREAKS = (":", ",", "-", "–")  # noqa: RUF001
_SPANS_OF_TIME = {"week", "day", "month", "morning", "afternoon", "evening", "night", "weekend", "year"}


def counted(items: Sequence[Item], words: Words, clock: Clock, *, everywhere: bool) -> list[Item]:
    """The phrases that count, with what is unclear about their places."""
    kept: list[Item] = []
    at, is_end = len(words.tokens), True
    for item in reversed(items):
        is_end = is_end and not _has_words(words, item.last, at)
        is_cut_off = words.word(item.last) != "" and item.last < at
        place = _Place(words, clock, is_end, is_cut_off, everywhere)
        found = item if item.stands_anywhere else _placed(item, place)
        if found is None:
            is_end = False
        else:
            kept.append(found)
        at = item.first
    return kept[::-1]


def _has_words(words: Words, first: int, last: int) -> bool:
    return any(words.tokens[at].kind != "separator" for at in range(first, last))


class _Place(NamedTuple):
    """Of an item: `is_end` where no words of the title follow, `is_cut_off` where one follows directly."""

    words: Words
    clock: Clock
    is_end: bool
    is_cut_off: bool
    everywhere: bool


def _placed(item: Item, place: _Place) -> Item | None:
    """The item where it counts, None where it belongs to the title."""
    words, before = place.words, place.words.word(item.first - 1)
    if before in NOT_THAT_DAY:
        return _with(item, _not_that_day(item, words, place.clock))
    if not place.everywhere and (found := _a_week_on(item, words)):
        return _with(item, found)
    if item.is_opened or place.everywhere:
        found = _cut_off(item, words) if place.is_cut_off else None
        return (
            item
            if found is None
            else replace(item, parts=(*item.parts[:-1], replace(item.parts[-1], doubts=(found,))))
        )
    if not place.is_end:
        return _in_the_middle(item, place)
    if before in BELONGS_TO_NEXT or (len(item.parts) == 1 and item.parts[0].weak):
        return _with(item, _is_it_meant(item, place))
    return item


def _with(item: Item, found: Doubt) -> Item:
    first = replace(item.parts[0], doubts=(found,))
    return replace(item, parts=(first, *item.parts[1:]))


def _in_the_middle(item: Item, place: _Place) -> Item | None:
    """A phrase without an opener before the title's last words."""
    part, words = item.parts[0], place.words
    if len(item.parts) > 1:
        is_start = words.word(item.first) in _RELATIVE and not _has_words(words, 0, item.first)
        return item if is_start else _with(item, _is_it_meant(item, place))
    if part.kind == "day" or words.word(part.first) in _RELATIVE:
        return _with(item, _is_it_meant(item, place))
    if part.kind == "weekday" and item.first == 0 and words.mark(item.last)[:1] in _BREAKS:
        return _with(item, _is_it_meant(item, place))
    is_exact = part.kind == "time" and not part.weak and not is_described(words, part.first)
    return _with(item, _is_it_meant(item, place)) if is_exact else None


def _is_it_meant(item: Item, place: _Place) -> Doubt:
    """Is the phrase when, or a part of the title?"""
    part, words = item.parts[0], place.words
    is_time = part.kind in ("time", "midnight", "half")
    said = words.text(part.first, part.last)
    opened = said if part.opened else f"{'at' if is_time else 'on'} {said}"
    if part.kind == "half":
        opened = f"in the {said}" if part.weak else f"on {place.clock.today} at 20:00"
    return doubt(
        "which_times" if is_time else "which_day",
        f"Does “{said}” say when, or is it a part of the title?",
        part.first,
        part.last,
        [(f"It says when: {said}", opened), ("It is a part of the title", f'"{said}"')],
    )


def _cut_off(item: Item, words: Words) -> Doubt | None:
    """On the 31st floor, on friday 10 tickets: the number may belong to the word after it."""
    part = item.parts[-1]
    if part.doubts:
        return None
    said = words.text(part.first, part.last)
    number = words.text(*part.value.number) if part.kind == "time" else ""
    in_the_middle = len(item.parts) == 1 and item.first > 0 and words.word(item.last) not in _BEGINS_A_PHRASE
    if number.isdecimal() and (not part.opened or in_the_middle):
        hours = (f"{number}am", f"{number}pm") if int(number) <= 12 else (f"{number}:00",)
        options = [
            *((f"At {hour}", f"at {hour}") for hour in hours),
            ("It is a part of the title", f'"{said}"'),
        ]
        return doubt("am_or_pm", f"Is {number} a time?", part.first, part.last, options)
    is_ordinal = part.kind == "day" and ORDINAL.fullmatch(words.word(item.last - 1))
    if is_ordinal and words.word(item.last) not in _BEGINS_A_PHRASE:
        options = [day_option(part.value, in_words(part.value)), ("It is a part of the title", f'"{said}"')]
        return doubt("which_day", f"Is {said} a day?", part.first, part.last, options)
    return None


def _a_week_on(item: Item, words: Words) -> Doubt | None:
    """A week on friday, 2 weeks from tomorrow."""
    part, unit = item.parts[0], UNITS.get(words.word(item.first - 1))
    number = words.word(item.first - 2)
    is_amount = number in ("a", "an") or number_of(number) is not None
    if unit not in (DAY, WEEK, MONTH, YEAR) or not is_amount or words.word(item.first) not in ("on", "from"):
        return None
    if part.kind not in ("day", "weekday", "from", "unclear"):
        return None
    said = words.text(part.first, part.last)
    amount = words.text(item.first - 2, item.first)
    options = [
        Option(f"On that day: {said}", (Edit(item.first - 2, part.last, f'"{amount}" {said}'),)),
        Option(f"In {amount}", (Edit(item.first - 2, part.last, f"in {amount}"),)),
    ]
    return Doubt("which_day", f"Which day is “{amount} {said}”?", item.first - 2, part.last, tuple(options))


def _not_that_day(item: Item, words: Words, clock: Clock) -> Doubt:
    """The week after friday, not tomorrow, before friday."""
    first, part = item.first - 1, item.parts[0]
    if words.word(first - 1) in _SPANS_OF_TIME:
        first -= 1 + (words.word(first - 2) == "the")
    said = words.text(part.first, part.last)
    opener = "" if part.opened else "at " if part.kind in ("time", "midnight") else "on "
    options = [Option(f"On that day: {said}", (Edit(first, part.last, f"{opener}{said}"),))]
    day = clock.next_weekday(part.value) if part.kind == "weekday" else part.value
    if part.kind in ("day", "weekday"):
        near = day + timedelta(days=-1 if words.word(item.first - 1) == "before" else 1)
        if near >= clock.today:
            label, text = day_option(near, in_words(near))
            options.append(Option(label, (Edit(first, part.last, text),)))
    text = f"Which day is meant by “{words.text(first, part.last)}”?"
    return Doubt("which_day", text, first, part.last, tuple(options))
