"""Characters that people cannot see, or that change how others are shown. Pure Python, no Django."""

from unicodedata import category, name, normalize

# Of the look of the character before them, as text or as an emoji.
_SELECTORS = {chr(code) for code in range(0xFE00, 0xFE10)}
# Blank although they are letters or symbols: fillers of Hangul, the blank Braille pattern, vowels of Khmer.
_BLANK = set("\u115f\u1160\u3164\uffa0\u2800\u17b4\u17b5\u034f") | _SELECTORS
# They join letters of Persian, and the people of an emoji.
_JOINERS = set("\u200c\u200d")
_PART_OF_OTHERS = _JOINERS | _SELECTORS
_OVERRIDES = set("\u202d\u202e")
_LINES = set("\t\n\r")


def is_blank(text: str) -> bool:
    """Whether there is nothing to see in it."""
    return all(_is_invisible(character) for character in text)


def hidden_character(text: str) -> str | None:
    """The first character that a name of one line must not have, by its name: one that no one sees."""
    if text.isascii() and text.isprintable():  # nearly every name
        return None
    hidden = (c for c in text if c not in _PART_OF_OTHERS and category(c) != "Zs" and _is_invisible(c))
    return next(map(_named, hidden), None)


def disruptive_character(text: str) -> str | None:
    """The first control of a terminal or override of the direction, by its name.

    Line breaks are none; nor are the marks and isolates that scripts from right to left need.
    """
    bad = (c for c in text if c in _OVERRIDES or (category(c) == "Cc" and c not in _LINES))
    return next((_named(character) for character in bad), None)


def key_of_name(text: str) -> str:
    """Equal for names that people take for the same: in any case, composed or not, spaced in any way."""
    seen = "".join(c for c in text if c not in _PART_OF_OTHERS)
    return normalize("NFC", " ".join(normalize("NFC", seen).casefold().split()))


def _is_invisible(character: str) -> bool:
    return character in _BLANK or category(character)[0] in "CZ"


def _named(character: str) -> str:
    return f"U+{ord(character):04X} {name(character, 'CONTROL CHARACTER')}"
