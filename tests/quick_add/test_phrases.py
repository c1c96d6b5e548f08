"""A phrase alone, as the assistant has it: to when a task moves, how it recurs, when it reminds."""

from datetime import datetime
from typing import Any

import pytest

from quick_add import Understood, understand_when
from tests.quick_add.saying import BERLIN, NOW, codes, fields


def read(text: str, now: str = NOW) -> Understood:
    return understand_when(text, now=datetime.fromisoformat(now), timezone=BERLIN)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("friday", {"due_date": "2026-03-27"}),
        ("to friday at 9", {"due_at": "2026-03-27T09:00+01:00"}),
        ("to the 31st", {"due_date": "2026-03-31"}),
        ("the 31st", {"due_date": "2026-03-31"}),
        ("sat", {"due_date": "2026-03-28"}),
        ("next monday at 9", {"due_at": "2026-03-30T09:00+02:00"}),
        ("tomorrow", {"due_date": "2026-03-26"}),
        ("tomorrow at noon.", {"due_at": "2026-03-26T12:00+01:00"}),
        ("noon", {"due_at": "2026-03-25T12:00+01:00"}),
        ("9", {"due_at": "2026-03-26T09:00+01:00"}),
        ("to 11", {"due_at": "2026-03-25T11:00+01:00"}),
        ("9am tomorrow", {"due_at": "2026-03-26T09:00+01:00"}),
        ("in 2 hours", {"due_at": "2026-03-25T12:00+01:00"}),
        ("5.4.", {"due_date": "2026-04-05"}),
        ("5/5", {"due_date": "2026-05-05"}),
        ("evening", {"due_at": "2026-03-25T18:00+01:00"}),
        ("every monday at 9", {"due_at": "2026-03-30T09:00+02:00", "recurrence_rule": "weekly"}),
        ("every 3 days", {"due_date": "2026-03-25", "recurrence_rule": "rrule:FREQ=DAILY;INTERVAL=3"}),
        ("until 30 june", {"recurrence_end": "2026-06-30T23:59:59+02:00"}),
        ("30 minutes before", {"reminder_offsets": [30]}),
        ("remind me 2 days before", {"reminder_offsets": [2880]}),
        ("remind me at 8", {"reminder_at": "2026-03-26T08:00+01:00"}),
    ],
)
def test_what_a_phrase_says(text: str, expected: dict[str, Any]) -> None:
    understood = read(text)
    assert (codes(understood), fields(understood), understood.rest) == ([], expected, "")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("next friday", "which_day"),
        ("wednesday", "which_day"),
        ("next week", "which_day"),
        ("at 5", "am_or_pm"),
        ("5", "am_or_pm"),
        ("4/5", "day_or_month"),
        ("31 april", "no_such_date"),
        ("today at 9", "in_the_past"),
        ("not tomorrow", "which_day"),
        ("friday or saturday", "which_day"),
        ("twice a day", "which_times"),
    ],
)
def test_what_is_asked(text: str, code: str) -> None:
    """A choice is the whole phrase to send instead."""
    understood = read(text)
    assert (codes(understood), understood.fields) == ([code], {})
    for choice in understood.questions[0].choices:
        assert code not in codes(read(choice.text)), choice


@pytest.mark.parametrize("text", ["", "soon", "when bob calls", '"friday"', "#home", "!high"])
def test_what_is_no_phrase(text: str) -> None:
    """The caller sees it in `rest`; labels are none of its phrases."""
    assert not read(text).questions
    assert set(read(text).fields) <= {"tags"}


def test_words_between_phrases_are_left_over() -> None:
    understood = read("friday with bob at 9")
    assert (understood.rest, fields(understood)) == ("with bob", {"due_at": "2026-03-27T09:00+01:00"})
