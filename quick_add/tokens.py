"""A sentence cut into words, tags, quoted text and separators, each with its place in the sentence."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

_BREAKS = r',;()\[\]{}"“”„…'
# The marks of a quotation do not touch a letter or digit outside of it: 5" is a length.
_QUOTED = re.compile(r'(?<!\w)["“„]([^"“”„]*)["“”](?!\w)')
_SEPARATOR = re.compile(f"[{_BREAKS}]")
# A comma between digits is a part of the number.
_WORD = re.compile(rf"(?:[^\s{_BREAKS}#]|(?<=[0-9]),(?=[0-9])|(?<=\w)#)+")
_TAG = re.compile(rf"#(?:[^\s{_BREAKS}#!?:]|:(?=\w))+")
_END = re.compile(r"[.:!?]+$")
# A full stop that is a part of the word: a date such as 5.4., or p.m.
_WITH_STOP = re.compile(r"[0-9]{1,2}\.[0-9]{1,2}\.|(?:[0-9:.]*)[ap]\.m\.", re.IGNORECASE)
_WORDLIKE = re.compile(r"\w")


@dataclass(frozen=True)
class Token:
    """sentence[start:end]. What has no letter or digit, such as an emoji, is a separator."""

    kind: Literal["word", "tag", "quoted", "separator"]
    start: int
    end: int
    text: str  # of a quotation, what is between the marks
    lower: str = ""  # of a word only, so that no other kind is taken for one


def tokens_of(sentence: str) -> Iterator[Token]:
    at, after_tag = 0, -1
    while at < len(sentence):
        glued = at > 0 and at != after_tag and re.match(r"\w", sentence[at - 1])
        if sentence[at].isspace():
            at += 1
        elif quoted := _QUOTED.match(sentence, at):
            yield Token("quoted", at, quoted.end(), quoted[1])
            at = quoted.end()
        elif not glued and (tag := _TAG.match(sentence, at)):
            text = tag[0].rstrip(".'\u2019")
            at += len(text)
            if len(text) > 1:
                after_tag = at
                yield Token("tag", at - len(text), at, text)
            else:
                at = tag.end()
                yield Token("separator", tag.start(), at, tag[0])
        elif word := _WORD.match(sentence, at):
            yield from _word(at, word[0])
            at = word.end()
        else:
            yield Token("separator", at, at + 1, sentence[at])
            at += 1


def _word(start: int, text: str) -> Iterator[Token]:
    """The word, and the punctuation at its end as a separator of its own."""
    stop = _END.search(text)
    cut = len(text) if stop is None else stop.start()
    if stop is not None and text[cut] == "." and _WITH_STOP.fullmatch(text[: cut + 1]):
        cut += 1
    if _WORDLIKE.search(text[:cut]) is None:
        yield Token("separator", start, start + len(text), text)
        return
    yield Token("word", start, start + cut, text[:cut], text[:cut].lower())
    if cut < len(text):
        yield Token("separator", start + cut, start + len(text), text[cut:])


@dataclass(frozen=True)
class Words:
    """The tokens of a sentence, for readers that look at one place in it."""

    sentence: str
    tokens: tuple[Token, ...]

    @classmethod
    def of(cls, sentence: str) -> "Words":
        return cls(sentence, tuple(tokens_of(sentence)))

    def text(self, first: int, last: int) -> str:
        """The tokens first to last - 1, as they were written."""
        return self.sentence[self.tokens[first].start : self.tokens[last - 1].end]

    def word(self, at: int) -> str:
        """The word there, in lower case; empty for another kind of token, or beyond the ends."""
        return self.tokens[at].lower if 0 <= at < len(self.tokens) else ""

    def mark(self, at: int) -> str:
        """The separator there; empty for another kind of token, or beyond the ends."""
        inside = 0 <= at < len(self.tokens) and self.tokens[at].kind == "separator"
        return self.tokens[at].text if inside else ""

    def phrase(self, at: int, *words: str) -> bool:
        """Whether these words stand there."""
        return all(self.word(at + offset) == word for offset, word in enumerate(words))
