"""Tags and the priority, which may stand anywhere in a sentence."""

import re
from collections.abc import Mapping
from unicodedata import normalize

from quick_add.parts import Part, unclear
from quick_add.tokens import Words

_LEVEL = re.compile(r"![0-9]+")
_LONGEST_NUMBER = 6


def read_label(words: Words, at: int, priorities: Mapping[str, int]) -> Part | None:
    """#home, !high, !3. `priorities` are levels by name."""
    token = words.tokens[at]
    if token.kind == "tag":
        # #12 is a number, as of an issue, and a number is a word of the title.
        return None if token.text[1:].isdecimal() else Part("tag", at, at + 1, token.text[1:])
    if not token.lower.startswith("!"):
        return None
    return _named(words, at, priorities) or _level(words, at, priorities)


def _named(words: Words, at: int, priorities: Mapping[str, int]) -> Part | None:
    """The longest name of a priority that stands there: a name may have several words."""
    for name in sorted(priorities, key=len, reverse=True):
        pieces = name.casefold().split()
        said = [words.word(at).removeprefix("!"), *(words.word(at + step) for step in range(1, len(pieces)))]
        if pieces and [piece.casefold() for piece in said] == pieces:
            return Part("priority", at, at + len(pieces), name)
    return None


def _level(words: Words, at: int, priorities: Mapping[str, int]) -> Part | None:
    word = words.word(at)
    if not _LEVEL.fullmatch(word):
        return None
    level = int(word[1:]) if len(word) <= _LONGEST_NUMBER else -1
    name = next((name for name, known in priorities.items() if known == level), None)
    if name is not None:
        return Part("priority", at, at + 1, name)
    known = sorted(priorities.items(), key=lambda one: one[1])
    options = [(name, f"!{level}") for name, level in known]
    return unclear(
        "no_such_priority", f"There is no priority {word[1:]}. Which is meant?", at, at + 1, options
    )


def distinct_tags(names: list[str]) -> list[str]:
    """Each tag once, as it was first written: Home and home are one."""
    first: dict[str, str] = {}
    for name in names:
        first.setdefault(normalize("NFC", name.casefold()), name)
    return list(first.values())
