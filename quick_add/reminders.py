"""Reminders: remind me 30 minutes before, remind me at 8, remind me tomorrow at 9 to call mum."""

from quick_add.amounts import MINUTES_OF_A_DAY, read_amount
from quick_add.parts import Part, unclear
from quick_add.tokens import Words

_JOINS = {"to", "about", "of", "that"}
LONGEST_OFFSET = 366 * MINUTES_OF_A_DAY
"""A year before: more is a mistake."""


def reads_remind_me(words: Words, at: int) -> bool:
    return words.phrase(at, "remind", "me")


def read_before(words: Words, at: int) -> Part | None:
    """30 minutes before, an hour before, 2 days and an hour before."""
    amount = read_amount(words, at)
    if amount is None:
        return _the_day_before(words, at)
    last = amount.last + (words.word(amount.last) == "in" and words.word(amount.last + 1) == "advance")
    if last == amount.last and words.word(last) not in ("before", "earlier"):
        return None
    last += 1
    minutes = amount.minutes + amount.days * MINUTES_OF_A_DAY
    if amount.is_vague or amount.months or amount.years or minutes > LONGEST_OFFSET:
        options = [(text, text) for text in ("1 day before", "28 days before")]
        return unclear("which_times", "How long before?", at, last, options)
    return Part("before", at, last, minutes)


def _the_day_before(words: Words, at: int) -> Part | None:
    start = at + (words.word(at) == "the")
    if words.word(start) in ("day", "evening", "night", "week") and words.word(start + 1) == "before":
        options = [(text, text) for text in ("1 day before", "12 hours before")]
        return unclear("which_times", "How long before?", at, start + 2, options)
    return None


def join_after(words: Words, at: int) -> int:
    """Past the word that joins a reminder to the title: remind me at 9 to call mum."""
    return at + (words.word(at) in _JOINS)
