"""What an `rrule:` may say, and which code names the first fault."""

import pytest

from recurrence.rrule_syntax import parse_rrule
from recurrence.rules import RuleError, check_rule


def code_of(rule: str, mode: str = "fixed", *, all_day: bool = False) -> str | None:
    try:
        check_rule(rule, timezone="UTC", mode=mode, all_day=all_day)
    except RuleError as error:
        return error.code
    return None


@pytest.mark.parametrize(
    "parts",
    [
        "FREQ=DAILY",
        "freq=weekly;byday=mo,Tu",
        "INTERVAL=999;FREQ=DAILY",
        "FREQ=WEEKLY;INTERVAL=104",
        "FREQ=MONTHLY;INTERVAL=60",
        "FREQ=YEARLY;INTERVAL=10",
        "FREQ=MONTHLY;INTERVAL=002;BYDAY=+1MO,-05FR,TU",
        "FREQ=YEARLY;BYMONTH=+2;BYDAY=5SU",
        "FREQ=MONTHLY;BYMONTHDAY=-31,31,+1",
        "FREQ=DAILY;BYMONTHDAY=29;BYMONTH=2",
        "FREQ=YEARLY;BYMONTH=1,2;BYSETPOS=2",
        "FREQ=WEEKLY;BYMONTH=7;BYSETPOS=-1",
        "FREQ=MONTHLY;BYDAY=MO;BYSETPOS=5",
        "FREQ=YEARLY;BYDAY=MO;BYSETPOS=31",
        "FREQ=DAILY;COUNT=1000;WKST=SU",
        "FREQ=MONTHLY;BYMONTH=2;BYDAY=5MO",
    ],
)
def test_what_may_be_set(parts: str) -> None:
    assert code_of(f"rrule:{parts}") is None


@pytest.mark.parametrize(
    ("parts", "code"),
    [
        ("FREQ", "bad_syntax"),
        ("FREQ=", "bad_syntax"),
        ("FREQ=FORTNIGHTLY", "bad_syntax"),
        (" FREQ=DAILY", "bad_syntax"),
        ("FREQ=DAILY;;COUNT=2", "bad_syntax"),
        (";FREQ=DAILY", "bad_syntax"),
        ("FREQ=DAILY;=1", "bad_syntax"),
        ("FREQ=DAILY;X-NAME=1", "bad_syntax"),
        ("FREQ=DAILY;COUNT=2;COUNT=2", "bad_syntax"),
        ("FREQ=DAILY;freq=hourly", "bad_syntax"),
        ("FREQ=DAILY;INTERVAL=2.5", "bad_syntax"),
        ("FREQ=DAILY;INTERVAL=2,3", "bad_syntax"),
        ("FREQ=DAILY;INTERVAL=\x00", "bad_syntax"),
        ("FREQ=DAILY\n", "bad_syntax"),
        ("FREQ=WEEKLY;BYDAY=", "bad_syntax"),
        ("FREQ=WEEKLY;BYDAY=MO,", "bad_syntax"),
        ("FREQ=WEEKLY;BYDAY=MON", "bad_syntax"),
        ("FREQ=MONTHLY;BYDAY=+MO", "bad_syntax"),
        ("FREQ=MONTHLY;BYMONTHDAY=1;BYSETPOS=x", "bad_syntax"),
        ("FREQ=YEARLY;BYMONTH=JAN", "bad_syntax"),
        ("FREQ=WEEKLY;WKST=MO,TU", "bad_syntax"),
        ("FREQ=DAILY;BYSETPOS=1", "bad_syntax"),
        ("FREQ=DAILY;UNTIL=", "until_is_recurrence_end"),
        ("UNTIL=x", "until_is_recurrence_end"),
        ("FREQ=MINUTELY", "unsupported"),
        ("FREQ=SECONDLY", "unsupported"),
        ("FREQ=DAILY;BYMINUTE=", "unsupported"),
        ("FREQ=DAILY;BYSECOND=1", "unsupported"),
        ("FREQ=YEARLY;BYWEEKNO=1", "unsupported"),
        ("FREQ=YEARLY;BYYEARDAY=1", "unsupported"),
        ("RSCALE=GREGORIAN;FREQ=DAILY", "unsupported"),
        ("SKIP=OMIT;FREQ=DAILY", "unsupported"),
        ("FREQ=WEEKLY;BYMONTHDAY=1", "unsupported"),
        ("FREQ=DAILY;BYDAY=1MO", "unsupported"),
        ("FREQ=DAILY;BYMONTH=1;BYSETPOS=1", "unsupported"),
        ("FREQ=DAILY;INTERVAL=1000", "out_of_range"),
        ("FREQ=DAILY;INTERVAL=-1", "out_of_range"),
        ("FREQ=WEEKLY;INTERVAL=105", "out_of_range"),
        ("FREQ=MONTHLY;INTERVAL=61", "out_of_range"),
        ("FREQ=DAILY;COUNT=1001", "out_of_range"),
        ("FREQ=DAILY;COUNT=" + "9" * 200, "out_of_range"),
        ("FREQ=MONTHLY;BYDAY=0MO", "out_of_range"),
        ("FREQ=MONTHLY;BYDAY=-6MO", "out_of_range"),
        ("FREQ=MONTHLY;BYMONTHDAY=32", "out_of_range"),
        ("FREQ=MONTHLY;BYMONTHDAY=-32", "out_of_range"),
        ("FREQ=YEARLY;BYMONTH=13", "out_of_range"),
        ("FREQ=YEARLY;BYMONTH=-1", "out_of_range"),
        ("FREQ=MONTHLY;BYDAY=MO;BYSETPOS=0", "out_of_range"),
        ("FREQ=MONTHLY;BYDAY=MO;BYSETPOS=32", "out_of_range"),
        ("FREQ=MONTHLY;BYMONTH=2;BYMONTHDAY=30", "never_matches"),
        ("FREQ=MONTHLY;BYMONTH=2;BYMONTHDAY=-30", "never_matches"),
        ("FREQ=MONTHLY;BYDAY=1MO;BYMONTHDAY=8", "never_matches"),
        ("FREQ=MONTHLY;BYDAY=MO;BYSETPOS=6", "never_matches"),
        ("FREQ=MONTHLY;BYMONTH=3;BYSETPOS=2", "never_matches"),
        ("FREQ=WEEKLY;BYDAY=MO,TU;BYSETPOS=3", "never_matches"),
        ("FREQ=WEEKLY;BYMONTH=7;BYSETPOS=2", "never_matches"),
        ("FREQ=YEARLY;BYMONTH=1,2;BYSETPOS=3", "never_matches"),
        ("FREQ=YEARLY;BYMONTHDAY=31;BYSETPOS=8", "never_matches"),
        ("FREQ=DAILY;BYMONTH=4;BYMONTHDAY=31", "never_matches"),
    ],
)
def test_what_is_refused(parts: str, code: str) -> None:
    assert code_of(f"rrule:{parts}") == code


@pytest.mark.parametrize(
    ("parts", "code"),
    [
        ("Ü" * 250, "too_long"),
        ("FREQ=DAILY;FOO=1;BYDAY=\ud800", "not_ascii"),
        ("INTERVAL=0;FREQ=HOURLY", "out_of_range"),
        ("FREQ=HOURLY;INTERVAL=0", "unsupported"),
        ("BYMONTHDAY=32,x", "bad_syntax"),
        ("UNTIL=x;BYHOUR=1", "until_is_recurrence_end"),
        ("INTERVAL=200;BYDAY=2MO", "bad_syntax"),
        ("BYDAY=2MO;INTERVAL=200;FREQ=WEEKLY", "out_of_range"),
        ("BYDAY=2MO;BYMONTHDAY=1;FREQ=WEEKLY", "unsupported"),
        ("FREQ=DAILY;BYSETPOS=1", "bad_syntax"),
        ("FREQ=WEEKLY;BYSETPOS=9;BYDAY=1MO", "unsupported"),
    ],
)
def test_the_first_fault_counts(parts: str, code: str) -> None:
    assert code_of(f"rrule:{parts}") == code


def test_255_characters_fit() -> None:
    rule = "rrule:FREQ=MONTHLY;BYMONTHDAY=1"

    assert code_of(rule + ",1" * 112) is None
    assert len(rule + ",1" * 112) == 255
    assert code_of(rule + ",1" * 112 + "0") == "too_long"


@pytest.mark.parametrize(
    "rule",
    ["daily", "weekly", "monthly", "rrule:FREQ=YEARLY", "rrule:WKST=SU;INTERVAL=3;FREQ=WEEKLY"],
)
def test_a_period_alone_counts_from_completion(rule: str) -> None:
    assert code_of(rule, "after_completion") is None


@pytest.mark.parametrize(
    "parts",
    ["FREQ=DAILY;COUNT=3", "FREQ=WEEKLY;BYDAY=MO", "FREQ=YEARLY;BYMONTH=2", "FREQ=MONTHLY;BYMONTHDAY=1"],
)
def test_more_than_a_period_does_not(parts: str) -> None:
    assert code_of(f"rrule:{parts}", "after_completion") == "mode_not_allowed"


def test_an_all_day_series_has_no_times() -> None:
    assert code_of("cron:0 9 * * *", all_day=True) == "needs_a_time"
    assert code_of("rrule:FREQ=DAILY", all_day=True) is None
    assert code_of("weekdays", all_day=True) is None


def test_what_is_read() -> None:
    read = parse_rrule(
        "bysetpos=-1;FREQ=YEARLY;BYMONTH=2,1;BYDAY=MO,-1FR,+2TU;BYMONTHDAY=1,-1;WKST=SU;COUNT=007"
    )

    assert (read.freq, read.interval, read.count, read.week_start) == ("YEARLY", 1, 7, 6)
    assert read.weekdays == {0}
    assert read.numbered == {(-1, 4), (2, 1)}
    assert (read.month_days, read.months, read.positions) == ({1, -1}, {1, 2}, {-1})


@pytest.mark.parametrize(
    ("parts", "wrong", "right"),
    [
        ("FREQ=HOURLY", "FREQ=HOURLY is not supported", "use cron"),
        ("FREQ=DAILY;BYHOUR=9", "BYHOUR is not supported", "use cron"),
        ("FREQ=DAILY;UNTIL=1", "UNTIL", "recurrence_end"),
        ("INTERVAL=2", "FREQ is missing", "WEEKLY"),
        ("FREQ=YEARLY;INTERVAL=11", "INTERVAL is 11", "at most 10 years"),
        ("FREQ=MONTHLY;BYDAY=MO1", "BYDAY=MO1", "2MO"),
        ("FREQ=MONTHLY;BYMONTHDAY=0", "BYMONTHDAY has 0", "from -31 to 31, without 0"),
    ],
)
def test_a_refusal_says_what_is_wrong_and_what_would_be_right(parts: str, wrong: str, right: str) -> None:
    with pytest.raises(RuleError) as refusal:
        check_rule(f"rrule:{parts}", timezone="UTC")

    assert wrong in str(refusal.value)
    assert right in str(refusal.value)
