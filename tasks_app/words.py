"""The words of a text as people see them, and the words of a search, as PostgreSQL's tsvector and tsquery.

PostgreSQL's own parser takes `rent/utilities` for one word, and a Japanese sentence too. Here a word ends at
every character that is neither letter nor digit. Scripts without spaces are read as overlapping pairs of
characters. Each word begins with a key of its user, so that one index finds the words of one user alone
(docs/decisions/0015-search.md). Pure Python, no Django.
"""

import re
from base64 import b85encode
from collections import defaultdict
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple
from unicodedata import category, combining, normalize
from uuid import UUID

LONGEST = 64  # characters of a word that count: a lexeme has at most 2,046 bytes
# `DS-7604NI` is found by NI, `camelCaseName` by name. A hash has too many such parts to be worth them.
MOST_PARTS = 5
LAST_POSITION = 16_383  # of a word in a tsvector
_APOSTROPHES = "'\u2018\u2019\u02bc\u055a\uff07"
_PART, _DENSE = "\x01", "\x02"  # marks: controls in the text are separators
# Scripts that write no spaces, or join words: Thai to Myanmar, Khmer, Tai, Chinese, Japanese, Korean, Yi.
_WITHOUT_SPACES = [
    *((0x0E00, 0x109F), (0x1100, 0x11FF), (0x1780, 0x17FF), (0x1950, 0x19DF), (0x1A20, 0x1AAF)),
    *((0x2E80, 0x2FDF), (0x3005, 0x3007), (0x3031, 0x31FF), (0x3400, 0x4DBF), (0x4E00, 0xA4CF)),
    *((0xA960, 0xA97F), (0xA9E0, 0xA9FF), (0xAA60, 0xAADF), (0xAC00, 0xD7FF), (0xF900, 0xFAFF)),
    *((0x16FE0, 0x1B2FF), (0x20000, 0x3FFFF)),
]
_WITHOUT_ACCENT = str.maketrans(
    {
        "\u0131": "i",
        "ł": "l",
        "ø": "o",
        "đ": "d",
        "ħ": "h",
        "ŧ": "t",
        "æ": "ae",
        "œ": "oe",
        "þ": "th",
        "ð": "d",
    }
)
_INNER_BOUNDARY = re.compile(
    r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|(?<=[0-9])(?=[^\W\d_])|(?<=[^\W\d_])(?=[0-9])"
)
_INNER_APOSTROPHE = re.compile(r"(?<=[^\s'])'(?=[^\s'])")
_NOT_TRAILING = re.compile(r"(?<![^\s\x02])[+#]+|[+#]+(?=[^\s+#])")  # C++ and C#, but not a+b and #4711
_PIECE = re.compile(r"(?:\x02.)+|[^\s\x02]+")


class Word(NamedTuple):
    """What stands at one position of a text: a word, and what else finds it; or a pair of characters."""

    exact: str
    others: tuple[str, ...] = ()
    is_pair: bool = False


class _Characters(dict[int, str | None]):
    """What becomes of each character, for str.translate(); filled as characters are met."""

    def __missing__(self, code: int) -> str | None:
        kept = self[code] = _kept(chr(code))
        return kept


def _kept(character: str) -> str | None:
    code, kind = ord(character), category(character)
    if character in _APOSTROPHES:
        return "'"
    if kind == "Cf" or 0xFE00 <= code <= 0xFE0F or 0x1F3FB <= code <= 0x1F3FF:
        return None  # soft hyphens, joiners, marks of direction, and how an emoji looks
    if kind == "So" or (kind[0] in "LMN" and any(low <= code <= high for low, high in _WITHOUT_SPACES)):
        return _DENSE + character
    return character if kind[0] in "LMN" or character in "+#" else " "


_CHARACTERS = _Characters()


def words_of(text: str) -> Iterator[Word]:
    """The words of a text, in their order."""
    marked = _mark_parts(normalize("NFKC", text).translate(_CHARACTERS))
    for piece in _PIECE.findall(normalize("NFKC", marked.casefold())):
        if piece[0] == _DENSE:
            yield from _pairs(piece[1::2])
        elif piece.isascii() and piece.isalnum():
            yield Word(piece[:LONGEST])
        elif parts := [part for part in piece.split(_PART) if part.strip("+#")]:
            yield _word(parts)


def _mark_parts(text: str) -> str:
    if "+" in text or "#" in text:
        text = _NOT_TRAILING.sub(" ", text)
    if "'" in text:
        text = _INNER_APOSTROPHE.sub(_PART, text).replace("'", " ")
    return _INNER_BOUNDARY.sub(_PART, text)


def _pairs(characters: str) -> Iterator[Word]:
    """Each character with the one after it: the beginning of a pair is a character."""
    for start in range(len(characters)):
        yield Word(characters[start : start + 2], is_pair=True)


def _word(parts: list[str]) -> Word:
    exact = "".join(parts)
    others = [exact.rstrip("+#")] if exact[-1] in "+#" else []
    if 1 < len(parts) <= MOST_PARTS:
        others += ["".join(parts[start:]) for start in range(1, len(parts))]
    if not exact.isascii():
        others += [folded(word) for word in (exact, *others)]
    return Word(exact[:LONGEST], tuple({word[:LONGEST] for word in others} - {exact[:LONGEST]}))


def folded(word: str) -> str:
    """The word without accents. The signs of scripts that write vowels as marks stay."""
    marks = normalize("NFD", word.translate(_WITHOUT_ACCENT))
    return normalize("NFC", "".join(character for character in marks if combining(character) < 10))


# --- as PostgreSQL's text ----------------------------------------------------------------------------------


@lru_cache(maxsize=4096)
def key_of(user_id: UUID) -> str:
    """Four characters before each word of the user. Others may have the same: queries name the user too."""
    return b85encode(UUID(str(user_id)).bytes[:3]).decode()  # a shell may give text


def vector(user_id: UUID, version: int, title: str, description: str | None) -> str:
    """The words of a task as a tsvector: those of the title with weight A, of the description C.

    What else finds them has B and D.

    The version is in it, as the position of an empty word, so that two texts of a task never have equal ones:
    a trigger knows by this that a release without this column has changed the text.
    """
    key = key_of(user_id)
    places: dict[str, list[str]] = defaultdict(list, {"": [str(1 + version % LAST_POSITION)]})
    position = 0
    texts = [(title, "A", "B"), *([(description, "C", "D")] if description else [])]
    for text, first, second in texts:
        for position, word in enumerate(words_of(text), position + 1):  # noqa: B020 - goes on counting
            places[word.exact].append(f"{position}{first}")
            for other in word.others:
                places[other].append(f"{position}{second}")
        position += 1  # no phrase goes from the title into the description
    return " ".join(f"'{key}{word}':{','.join(at)}" for word, at in places.items())


def query(user_id: UUID, text: str) -> str:
    """What finds a task when each term of the text is in it, as a tsquery; empty if the text has no word.

    A term such as `rent/util` is a phrase. Its last word may be the beginning of one.
    """
    key = key_of(user_id)
    terms = [list(words_of(term)) for term in text.split()]
    return " & ".join(_phrase(key, words) for words in terms if words)


def _phrase(key: str, words: list[Word]) -> str:
    if len(words) > 1 and words[-1].is_pair and words[-2].exact.endswith(words[-1].exact):
        words.pop()  # the pair before it has the character already
    *before, last = words
    steps = [*(_choices(key, word, end="") for word in before), _choices(key, last, end=":*")]
    return f"({' <-> '.join(steps)})"


def _choices(key: str, word: Word, *, end: str) -> str:
    if word.is_pair:
        return f"'{key}{word.exact}'" + (":*" if len(word.exact) == 1 else "")
    exact, plain = word.exact, word.exact.rstrip("+#")
    choices = {f"'{key}{exact}'{end}", f"'{key}{folded(exact)}'{end}"}
    if plain != exact:
        choices.add(f"'{key}{plain}'")
    return f"({' | '.join(sorted(choices))})"
