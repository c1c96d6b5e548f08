"""Sentences that no one writes: nothing is raised, every word has its place, and time grows with length."""

import random
import time
from datetime import datetime
from itertools import pairwise

import pytest

from quick_add import understand_when
from tests.quick_add.saying import BERLIN, NOW, codes, said

LAST_DAY = "8999-12-31T12:00+01:00"  # of those that the API knows
GRAMMAR = """
on at by in next this due from until remind me every each other last first second the of to and or
not after before except today tonight tomorrow day week month year days weeks months hours minutes
half a an hour monday tue sat sun friday weekday april may feb 5 9 12 13 31 31st 29th 0 99 9am 12pm
12am 9:30 25:00 5:30 2:30am noon midnight morning evening night 4/5 25/4 31/4 5.4. 5.4 2026-04-05
2026-02-30 2020-01-01 2027 #home # #a#b !high !3 !9 !x twice daily weekend working for times buy
milk call "quoted "quoted" “ ” ( ) , . - & / 🎉 é 999999 1.5 30min o'clock past quarter to end until
30 june
"""
WORDS = GRAMMAR.split()
MOMENTS = [NOW, "2026-01-31T23:59+01:00", "2028-02-29T12:00+14:00", LAST_DAY]
STARTS = [
    *("\x00", "\u202e", "\ud800", "\u200d", "\u0130", "\u0663/\u0664", "\u00b2", "\uff19"),
    *("9" * 400, "!" * 50, "#" * 50, "on " * 20),
]
PIECES = [
    *(
        '"',
        "“",
        "(",
        ",",
        "#",
        "!",
        "a",
        "9",
        "🎉",
        "\u0301",
        "#a",
        "on ",
        "every ",
        "mon, ",
        "mon and ",
        "not ",
    ),
    *(
        "in ",
        "remind me ",
        "4/5 ",
        "next ",
        "wednesday ",
        "until ",
        "on wednesday at 5 ",
        "!9 ",
        "2 hours ",
        "at 5 ",
    ),
    *(
        "and ",
        '"at 5" ',
        "every mon to ",
        "due on ",
        "until friday ",
        "from friday ",
        "every day ",
        "9am-",
        "5 april ",
    ),
]


@pytest.mark.parametrize("seed", range(20))
def test_no_sentence_raises(seed: int) -> None:
    dice = random.Random(seed)
    for _ in range(40):
        text = " ".join(dice.choices([*WORDS, *STARTS], k=dice.randint(1, 14)))
        understood = said(text, dice.choice(MOMENTS))
        for one, following in pairwise(understood.spans):
            assert one.end <= following.start
        for span in understood.spans:
            assert 0 <= span.start < span.end <= len(text)
            assert span.text == text[span.start : span.end]
        for question in understood.questions:
            assert len(question.choices) >= 2 or question.code == "no_title"
        assert bool(understood.fields) != bool(understood.questions)


@pytest.mark.parametrize("day", ["0000-01-01", "1/1/0000", "1.1.0000", "0000-02-30"])
def test_there_is_no_year_zero(day: str) -> None:
    for text in (f"x on {day}", f"x every day until {day}"):
        assert codes(said(text)) == ["no_such_date"]


@pytest.mark.parametrize("phrase", ["next month", "next year", "next december", "on the 30th"])
def test_there_is_a_last_day(phrase: str) -> None:
    assert codes(said(f"x {phrase}", LAST_DAY)) == ["no_such_date"]


@pytest.mark.parametrize("seed", range(5))
def test_no_choice_of_any_sentence_asks_the_same_again(seed: int) -> None:
    dice = random.Random(seed)
    for _ in range(60):
        text = " ".join(dice.choices(WORDS, k=dice.randint(1, 10)))
        for question in said(text).questions:
            for choice in question.choices:
                assert question.code not in codes(said(choice.text)), (text, choice.text)


@pytest.mark.parametrize("piece", PIECES)
def test_time_grows_with_length(piece: str) -> None:
    """2,000 characters of anything: a small part of a second, on a busy machine too."""
    began = time.process_time()
    said((piece * 2000)[:2000])
    assert time.process_time() - began < 1


def test_a_phrase_for_another_tool_never_raises() -> None:
    dice = random.Random(7)
    for _ in range(300):
        text = " ".join(dice.choices(WORDS, k=dice.randint(0, 8)))
        understood = understand_when(text, now=datetime.fromisoformat(NOW), timezone=BERLIN)
        assert "title" not in understood.fields
