"""No two slots of a cron rule come closer than the shortest interval, over midnight and the hour too."""

from datetime import timedelta

import pytest

from recurrence.rules import RuleError, check_rule


def is_too_frequent(expression: str, minutes: float = 5) -> bool:
    try:
        check_rule(f"cron:{expression}", timezone="UTC", shortest_interval=timedelta(minutes=minutes))
    except RuleError as refusal:
        if refusal.code == "too_frequent":
            return True
        raise
    return False


@pytest.mark.parametrize(
    "expression",
    [
        "* * * * *",
        "*/4 9 * * *",
        # Within the hour 7 minutes, over its end 4.
        "0-59/7 * * * *",
        "*/7 * * * *",
        "58,2 * * * *",
        # 09:58 and 10:02.
        "2,58 9,10 * * *",
        # 23:59 and 00:00.
        "0,59 0,23 * * *",
        "0,59 0,23 * * SAT,SUN",
        # Friday the 12th or Saturday the 13th.
        "0,59 0,23 13 * FRI",
        # From one month, or one year, to the next.
        "0,59 0,23 1,31 * *",
        "0,59 0,23 1,31 1,12 *",
        "0,59 0,23 1,28 2,3 *",
        "0,59 0,23 1,29 2,3 *",
    ],
)
def test_closer_than_five_minutes(expression: str) -> None:
    assert is_too_frequent(expression)


@pytest.mark.parametrize(
    "expression",
    [
        "*/5 * * * *",
        "*/6 * * * *",
        "3-58/5 * * * *",
        # One hour only: its end and the next one's beginning do not meet.
        "*/7 9 * * *",
        "58,2 9 * * *",
        "2,58 9,11 * * *",
        # 23:59 and 00:00, but never on two days that follow one another.
        "0,59 0,23 1 * *",
        "0,59 0,23 * * MON",
        "0,59 0,23 * * MON,WED,SAT",
        "0,59 0,23 1,30 2,3 *",
        "0,59 0,23 1,31 1,3 *",
        "0,59 0,23 29 2 *",
        "0,59 0,23 13 * */5",
    ],
)
def test_five_minutes_or_more(expression: str) -> None:
    assert not is_too_frequent(expression)


@pytest.mark.parametrize(
    ("expression", "minutes", "answer"),
    [
        ("* * * * *", 1, False),
        ("* * * * *", 1.5, True),
        ("*/15 * * * *", 15, False),
        ("*/15 * * * *", 16, True),
        ("0 9 * * *", 1440, False),
        ("0 9,21 * * *", 721, True),
        ("0 1,14 * * *", 11 * 60, False),
        ("0 1,14 * * *", 11 * 60 + 1, True),
        ("0 1,14 * * MON", 11 * 60 + 1, False),
    ],
)
def test_the_interval_is_a_setting(expression: str, minutes: float, answer: bool) -> None:
    assert is_too_frequent(expression, minutes) is answer
