"""The order of titles as people sort them: the Unicode Collation Algorithm (UTS #10), by pyuca.

The key is computed here and stored, so that the order is the same on every PostgreSQL, with ICU or without.
"""

from functools import cache
from typing import Any

# Weights of a key: those of the letters of a title of 100 characters or more; the rest of it does not count.
LONGEST = 256
_FIRST_SURROGATE, _SURROGATES = 0xD800, 0x800


def title_key(title: str) -> str:
    """A text that sorts by its code points (collation "C") as the titles do."""
    if not title.isascii():
        return _as_text(_collator().sort_key(title)[:LONGEST])
    # No combination of ASCII characters has weights of its own: looked up one by one, in a third of the time.
    weights = [_levels(character) for character in title]
    levels = ("".join([levels[number] for levels in weights]) for number in range(3))
    return "".join(f"{level}\x01" for level in levels)[:LONGEST]


def load() -> None:
    """Read the table of weights in advance: 50 ms and 3 MB, which processes share after a fork."""
    _collator()


@cache
def _collator() -> Any:
    from tasks_app.collation import CompactCollator  # not at the top: only what writes tasks needs it

    return CompactCollator()


@cache
def _levels(character: str) -> tuple[str, str, str]:
    """The weights of an ASCII character: letter, accent, case."""
    first, second, third, _ = _as_text(_collator().sort_key(character)).split("\x01")
    return first, second, third


def _as_text(weights: tuple[int, ...]) -> str:
    # No NUL, which PostgreSQL cannot store, and no surrogate, which UTF-8 cannot.
    shifted = (weight + 1 for weight in weights)
    return "".join(chr(code if code < _FIRST_SURROGATE else code + _SURROGATES) for code in shifted)
