"""From doubts to questions: one for each code, with choices that answer it."""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice, product

from quick_add.answers import Choice, Question
from quick_add.parts import Doubt, Edit, Option
from quick_add.tokens import Words

MOST_CHOICES = 8
_MOST_TRIED = 12
_FEW = 3
"""So many doubts of one code are combined; more are answered alike."""

Codes = Callable[[str], set[str]]


def questions_of(doubts: Iterable[Doubt], words: Words, title: str, codes_of: Codes) -> list[Question]:
    """`codes_of` says which questions a sentence leaves: a choice that asks the same again is left out."""
    by_code: dict[str, list[Doubt]] = {}
    for doubt in sorted(doubts, key=lambda one: one.first):
        by_code.setdefault(doubt.code, []).append(doubt)
    return [
        Question(code, found[0].text, tuple(_choices(code, found, words, title, codes_of)))
        for code, found in by_code.items()
    ]


def _choices(code: str, doubts: list[Doubt], words: Words, title: str, codes_of: Codes) -> list[Choice]:
    """Those of the doubts; where they are fewer than two, also to make a title of the words, or drop them."""
    found: dict[str, Choice] = {}
    groups = (
        _combined([doubt.options for doubt in doubts]),
        _plain(doubts, words),
        _title_only(words, title),
    )
    for options in groups:
        for option in islice(options, _MOST_TRIED):
            text = _edited(words, option.edits)
            if text not in found and text.strip() and code not in codes_of(text):
                found[text] = Choice(option.label, text)
        if len(found) > 1:
            break
    return list(found.values())[:MOST_CHOICES]


def _combined(options: list[tuple[Option, ...]]) -> Iterator[Option]:
    """One option of each doubt together."""
    chosen = product(*options) if len(options) <= _FEW else zip(*options, strict=False)
    for one in chosen:
        labels = dict.fromkeys(option.label for option in one)
        yield Option(", ".join(labels), tuple(edit for option in one for edit in option.edits))


def _plain(doubts: list[Doubt], words: Words) -> Iterator[Option]:
    places = [(doubt.first, doubt.last) for doubt in doubts]
    quoted = tuple(Edit(*place, f'"{words.text(*place)}"') for place in places)
    yield Option("It is a part of the title", quoted)
    yield Option("Leave it out", tuple(Edit(*place, "") for place in places))


def _title_only(words: Words, title: str) -> Iterator[Option]:
    everything = _unquoted(words.sentence)
    yield Option("All of it is the title", (Edit(0, len(words.tokens), f'"{everything}"'),))
    yield Option("Only the title", (Edit(0, len(words.tokens), f'"{_unquoted(title)}"'),))


def _unquoted(text: str) -> str:
    return " ".join("".join(mark for mark in text if mark not in '"“”„').split())


def _edited(words: Words, edits: Iterable[Edit]) -> str:
    """The sentence with the edits made, those that overlap an earlier one left out."""
    pieces, at, end = [], 0, 0
    for first, last, text in sorted(edits):
        if first < end:
            continue
        start = words.tokens[first].start
        pieces += [words.sentence[at:start], text]
        at, end = words.tokens[last - 1].end, last
        if not text:  # with the space that stood after it
            at += len(words.sentence[at:]) - len(words.sentence[at:].lstrip())
    return "".join([*pieces, words.sentence[at:]]).strip()
