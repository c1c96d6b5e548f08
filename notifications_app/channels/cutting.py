"""Cut a text to a number of bytes, between characters as people see them."""

import json
import unicodedata
from bisect import bisect_right

_JOINER = "\u200d"  # between the emoji that make one picture
# A longer chain of marks is not a character that anyone wrote; it is cut anywhere.
_LONGEST_CHARACTER = 32


def cut(text: str, limit: int) -> str:
    """The beginning of the text whose JSON has at most `limit` bytes, with an ellipsis if it was cut.

    Does not separate a letter from its marks, the parts of an emoji, or the two letters of a flag.
    """
    if size(text) <= limit:
        return text
    room = limit - size("…")
    if room < 0:
        return ""
    fits = bisect_right(range(len(text)), room, key=lambda end: size(text[:end])) - 1
    return _without_a_part(text, fits).rstrip() + "…"


def size(text: str) -> int:
    """The bytes of the text in JSON, without the quotes around it."""
    return len(json.dumps(text, ensure_ascii=False).encode()) - len('""')


def _without_a_part(text: str, end: int) -> str:
    """The text before `end`, without the beginning of a character that does not end there."""
    shortest = max(end - _LONGEST_CHARACTER, 0)
    return text[: next((at for at in range(end, shortest, -1) if not _continues(text, at)), end)]


def _continues(text: str, at: int) -> bool:
    """Whether the code point at this index belongs to the character before it (as in UAX 29, simplified)."""
    before, here = text[at - 1], text[at]
    if here == _JOINER or before == _JOINER or unicodedata.category(here) in ("Mn", "Mc", "Me"):
        return True
    if unicodedata.combining(before) == 9:  # a virama, which joins two consonants of Hindi and its relatives
        return True
    return _is_modifier(here) or (_is_flag_letter(here) and _flag_letters_before(text, at) % 2 == 1)


def _is_modifier(character: str) -> bool:
    """A skin tone, or a tag (of the flags of England, Scotland and Wales)."""
    return "\U0001f3fb" <= character <= "\U0001f3ff" or "\U000e0020" <= character <= "\U000e007f"


def _is_flag_letter(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"


def _flag_letters_before(text: str, at: int) -> int:
    before = text[:at]
    return len(before) - len(before.rstrip("".join(map(chr, range(0x1F1E6, 0x1F200)))))
