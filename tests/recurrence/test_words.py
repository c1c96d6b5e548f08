"""Rules in plain English, the same wherever they are shown."""

from datetime import datetime

import pytest

from recurrence.rules import RuleError, describe
from tests.recurrence.test_cases import CASES

ANCHOR = datetime.fromisoformat("2026-01-30T17:00")  # a Friday


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        ("daily", "every day"),
        ("weekly", "every Friday"),
        ("weekdays", "every day from Monday to Friday"),
        ("monthly", "on the 30th of each month (or its last day)"),
        ("rrule:FREQ=DAILY", "every day"),
        (
            "rrule:FREQ=DAILY;INTERVAL=2;BYDAY=MO,FR",
            "every second day (only if it is a Monday or a Friday)",
        ),
        ("rrule:FREQ=DAILY;INTERVAL=14", "every 14th day"),
        (
            "rrule:FREQ=DAILY;INTERVAL=3;BYMONTHDAY=13,-1",
            "every third day (only if it is the 13th or last day)",
        ),
        (
            "rrule:FREQ=DAILY;BYMONTHDAY=13;BYDAY=FR",
            "on the 13th of each month (only if it is a Friday)",
        ),
        ("rrule:FREQ=DAILY;BYDAY=SA,SU;BYMONTH=7", "every Saturday and Sunday in July"),
        ("rrule:FREQ=WEEKLY;INTERVAL=2;BYDAY=FR", "every second Friday"),
        ("rrule:FREQ=WEEKLY;INTERVAL=3", "every third Friday"),
        ("rrule:FREQ=WEEKLY;INTERVAL=2;BYDAY=TH,MO", "every second week on Monday and Thursday"),
        (
            "rrule:FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,TU,WE,TH,FR",
            "every second week from Monday to Friday",
        ),
        ("rrule:FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR,SA,SU", "every day"),
        (
            "rrule:FREQ=WEEKLY;INTERVAL=2;BYDAY=TU,SU;WKST=SU",
            "every second week on Tuesday and Sunday (weeks start on Sunday)",
        ),
        (
            "rrule:FREQ=WEEKLY;BYDAY=MO,TU;BYSETPOS=-1",
            "on the last of Monday and Tuesday of every week",
        ),
        ("rrule:FREQ=MONTHLY", "on the 30th of each month"),
        (
            "rrule:FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1",
            "on the last working day of each month",
        ),
        ("rrule:FREQ=MONTHLY;BYDAY=SA,SU;BYSETPOS=1", "on the first weekend day of each month"),
        ("rrule:FREQ=MONTHLY;BYDAY=TU;BYSETPOS=2", "on the second Tuesday of each month"),
        (
            "rrule:FREQ=MONTHLY;BYDAY=1MO,-1MO;BYMONTH=1,7",
            "on the first and last Monday of January and July",
        ),
        ("rrule:FREQ=MONTHLY;BYDAY=FR,3WE", "every Friday and the third Wednesday of each month"),
        ("rrule:FREQ=MONTHLY;BYMONTHDAY=-1,15,1", "on the 1st, 15th and last day of each month"),
        ("rrule:FREQ=MONTHLY;BYMONTHDAY=-2", "on the second to last day of each month"),
        (
            "rrule:FREQ=MONTHLY;BYMONTHDAY=13;BYDAY=FR",
            "on the 13th of each month (only if it is a Friday)",
        ),
        (
            "rrule:FREQ=MONTHLY;BYMONTHDAY=28,29,30,31;BYSETPOS=-1",
            "on the last of the 28th, 29th, 30th and 31st of each month",
        ),
        ("rrule:FREQ=MONTHLY;INTERVAL=3;BYMONTHDAY=15", "on the 15th of every third month"),
        (
            "rrule:FREQ=MONTHLY;INTERVAL=2;BYMONTH=3",
            "on the 30th of every second month (only in March)",
        ),
        ("rrule:FREQ=YEARLY", "on the 30th of January every year"),
        ("rrule:FREQ=YEARLY;BYMONTH=11;BYDAY=4TH", "on the fourth Thursday of November every year"),
        (
            "rrule:FREQ=YEARLY;INTERVAL=2;BYMONTH=6,1",
            "on the 30th of January and June every second year",
        ),
        ("rrule:FREQ=YEARLY;BYMONTHDAY=15", "on the 15th of each month"),
        ("rrule:FREQ=YEARLY;INTERVAL=2;BYDAY=MO", "every Monday of each month every second year"),
        (
            "rrule:FREQ=YEARLY;BYMONTH=3;BYDAY=SA,SU;BYSETPOS=-1",
            "on the last weekend day of every year (counted in March)",
        ),
        ("rrule:FREQ=WEEKLY;COUNT=10", "every Friday, 10 times"),
        ("rrule:FREQ=WEEKLY;COUNT=1", "every Friday, once"),
    ],
)
def test_the_days_of_a_rule(rule: str, text: str) -> None:
    """An all-day series has neither time nor zone."""
    assert describe(rule, anchor=ANCHOR, timezone="Europe/Berlin", all_day=True) == text


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        ("daily", "every day at 17:00"),
        ("rrule:FREQ=WEEKLY;INTERVAL=2;BYDAY=FR", "every second Friday at 17:00"),
        ("rrule:FREQ=WEEKLY;COUNT=10", "every Friday at 17:00, 10 times"),
        ("cron:0 9 * * *", "every day at 09:00"),
        ("cron:0 9,17 * * 1-5", "every day from Monday to Friday at 09:00 and 17:00"),
        ("cron:0 9 * * 0,MON", "every Monday and Sunday at 09:00"),
        ("cron:*/15 * * * *", "every day, every 15 minutes"),
        ("cron:*/20 8-10 * * *", "every day, every 20 minutes of the hours 8 to 10"),
        ("cron:@hourly", "every day, every hour"),
        ("cron:0 */2 * * *", "every day, every 2 hours"),
        ("cron:30 * * * *", "every day at minute 30 of every hour"),
        ("cron:5,50 0-23 1,15 * *", "on the 1st and 15th of each month at minutes 5 and 50 of every hour"),
        ("cron:0 8-12,14,16-18 * * *", "every day at minute 0 of the hours 8 to 12, 14 and 16 to 18"),
        ("cron:* * * 1 *", "every day in January, every minute"),
        ("cron:0 9 1 * 5", "on the 1st of each month and every Friday at 09:00"),
        ("cron:0 9 1 2 5", "in February, on the 1st and every Friday at 09:00"),
        (
            "cron:0 9 */10 * 1",
            "on the 1st, 11th, 21st and 31st of each month (only if it is a Monday) at 09:00",
        ),
        ("cron:0 9 1-31 * 5", "every day at 09:00"),
        ("cron:0 0 29 2 *", "on the 29th of February at 00:00"),
    ],
)
def test_a_rule_with_its_time_and_zone(rule: str, text: str) -> None:
    assert describe(rule, anchor=ANCHOR, timezone="Europe/Berlin") == f"{text}, Europe/Berlin"


def test_every_rule_of_the_cases_has_words() -> None:
    for case in CASES:
        if case["kind"] != "invalid":
            text = describe(
                case["rule"], anchor=datetime.fromisoformat(case["start"]), timezone=case["timezone"]
            )
            assert text.endswith(f", {case['timezone']}")
            assert "  " not in text


def test_a_rule_that_cannot_be_read_has_none() -> None:
    with pytest.raises(RuleError):
        describe("fortnightly", anchor=ANCHOR, timezone="UTC")
