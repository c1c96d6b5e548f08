"""What a `cron:` rule may say, what it means, and which code names the first fault."""

import pytest

from recurrence.cron_syntax import parse_cron
from recurrence.rules import RuleError, check_rule


def code_of(rule: str) -> str | None:
    try:
        check_rule(rule, timezone="UTC")
    except RuleError as error:
        return error.code
    return None


@pytest.mark.parametrize(
    "expression",
    [
        "0 9 * * *",
        "  0\t9  * * *  ",
        "00 09 01 01 00",
        "*/5 * * * *",
        "*/59 */23 */31 */12 */7",
        "0 9 1-31 * *",
        "5-55/10 8-18/2 * * *",
        "0 9 * JAN-DEC sun-SAT",
        "0 9 * jan,3,Dec 1-FRI,7",
        "0 9 29 2 *",
        "0 9 31 2 MON",
        "@hourly",
        "@daily",
        "@midnight",
        "@weekly",
        "@monthly",
        "@yearly",
        "@annually",
    ],
)
def test_what_may_be_set(expression: str) -> None:
    assert code_of(f"cron:{expression}") is None


@pytest.mark.parametrize("rule", ["daily", "weekly", "monthly", "weekdays"])
def test_named_rules_may_be_set(rule: str) -> None:
    assert code_of(rule) is None


@pytest.mark.parametrize(
    "rule",
    ["", "hourly", "yearly", "Daily", "daily ", "daily\n", "täglich", "0 9 * * *", "CRON:0 9 * * *", "cron"],
)
def test_other_rules_are_unknown(rule: str) -> None:
    assert code_of(rule) == "unknown_rule"


@pytest.mark.parametrize(
    ("expression", "code"),
    [
        ("@reboot", "unsupported"),
        ("@every 5m", "unsupported"),
        ("@Daily", "unsupported"),
        ("@daily @daily", "unsupported"),
        ("", "field_count"),
        ("   ", "field_count"),
        ("0 9 * *", "field_count"),
        ("TZ=UTC 0 9 * * *", "field_count"),
        ("0 9 * * * root", "field_count"),
        ("0 9 L * *", "unsupported"),
        ("0 9 LW * *", "unsupported"),
        ("0 9 L-3 * *", "unsupported"),
        ("0 9 15w * *", "unsupported"),
        ("0 9 ? * 1", "unsupported"),
        ("0 9 * * 5L", "unsupported"),
        ("0 9 * * MON#2", "unsupported"),
        ("H 9 * * *", "unsupported"),
        ("H/15 9 * * *", "unsupported"),
        ("R(0-30) 9 * * *", "unsupported"),
        ("0 9 * * *\n", "bad_syntax"),
        ("0 9 * * *\x00", "bad_syntax"),
        ("0\x0b 9 * * *", "bad_syntax"),
        ("5/15 9 * * *", "bad_syntax"),
        ("MON/2 9 * * *", "bad_syntax"),
        ("*/ 9 * * *", "bad_syntax"),
        ("*/-5 9 * * *", "bad_syntax"),
        ("*/+5 9 * * *", "bad_syntax"),
        ("+5 9 * * *", "bad_syntax"),
        ("5- 9 * * *", "bad_syntax"),
        ("1-2-3 9 * * *", "bad_syntax"),
        ("1-5/2/2 9 * * *", "bad_syntax"),
        ("*-5 9 * * *", "bad_syntax"),
        ("** 9 * * *", "bad_syntax"),
        ("*,5 9 * * *", "bad_syntax"),
        ("0 9 4,*/26 * 0-6", "bad_syntax"),
        ("0 */12,9 * * *", "bad_syntax"),
        ("*/30,*/20 9 * * *", "bad_syntax"),
        (",5 9 * * *", "bad_syntax"),
        ("5, 9 * * *", "bad_syntax"),
        ("0.5 9 * * *", "bad_syntax"),
        ("0x5 9 * * *", "bad_syntax"),
        ("1_0 9 * * *", "bad_syntax"),
        ("SUN 9 * * *", "bad_syntax"),
        ("0 9 * MON *", "bad_syntax"),
        ("0 9 * * JAN", "bad_syntax"),
        ("0 9 * MARCH *", "bad_syntax"),
        ("0 9 * * wednesday", "bad_syntax"),
        ("0 9 * * %", "bad_syntax"),
        ("0 24 * * *", "out_of_range"),
        ("0 9 0 * *", "out_of_range"),
        ("0 9 * 0 *", "out_of_range"),
        ("0 9 * * 8", "out_of_range"),
        ("0-60 9 * * *", "out_of_range"),
        ("0 9 * * 5-8", "out_of_range"),
        ("0-30/0 9 * * *", "bad_step"),
        ("0 */24 * * *", "bad_step"),
        ("0 9 */32 * *", "bad_step"),
        ("0 9 * */13 *", "bad_step"),
        ("0 9 * * */8", "bad_step"),
        ("0 22-6 * * *", "range_order"),
        ("0 9 * DEC-JAN *", "range_order"),
        ("0 9 * * FRI-SUN", "range_order"),
        ("0 9 5-5 * *", "range_order"),
        ("0 9 30 2 *", "never_matches"),
        ("0 9 31 2,4,6,9,11 *", "never_matches"),
        ("0 9 30-31 2 */2", "never_matches"),
        ("*/4 9 * * *", "too_frequent"),
    ],
)
def test_what_is_refused(expression: str, code: str) -> None:
    assert code_of(f"cron:{expression}") == code


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        ("cron:" + "é" * 96, "too_long"),
        ("daily" * 21, "too_long"),
        ("cron:@täglich", "not_ascii"),
        ("cron:L 9", "field_count"),
        ("cron:60 9 * * 1#2", "out_of_range"),
        ("cron:60,L 9 * * *", "unsupported"),
        ("cron:60,x 9 * * *", "bad_syntax"),
        ("cron:0-5/0,60 9 * * *", "out_of_range"),
        ("cron:5-1,0-5/0 9 * * *", "bad_step"),
        ("cron:", "field_count"),
        ("cron:\x00", "bad_syntax"),
        ("cron:\ud800", "not_ascii"),
        ("cron:@daily\x00", "bad_syntax"),
        ("\x00", "unknown_rule"),
        ("daily\x00", "unknown_rule"),
        ("\ud800", "not_ascii"),
        ("daily\udfff", "not_ascii"),
        ("cron:5-1 24 * * *", "range_order"),
        ("cron:* * 30 2 *", "never_matches"),
    ],
)
def test_the_first_fault_counts(rule: str, code: str) -> None:
    assert code_of(rule) == code


def test_a_hundred_characters_fit() -> None:
    rule = "cron:" + ",".join(["10"] * 29) + " 9 * * *"

    assert code_of(rule + " " * (100 - len(rule))) is None
    assert code_of(rule + " " * (101 - len(rule))) == "too_long"


def test_sunday_is_0_and_7() -> None:
    assert (
        parse_cron("0 9 * * 0").weekdays
        == parse_cron("0 9 * * 7").weekdays
        == parse_cron("0 9 * * sun").weekdays
        == {0}
    )
    assert parse_cron("0 9 * * 5-7").weekdays == {5, 6, 0}
    assert parse_cron("0 9 * * 0-7").weekdays == set(range(7))
    assert parse_cron("0 9 * * */7").weekdays == {0}
    assert parse_cron("0 9 * * 2-7/5").weekdays == {2, 0}


def test_steps_and_ranges() -> None:
    read = parse_cron("*/25 8-18/5 1,10-12 jan-mar */3")

    assert read.minutes == {0, 25, 50}
    assert read.hours == {8, 13, 18}
    assert read.days == {1, 10, 11, 12}
    assert read.months == {1, 2, 3}
    assert read.weekdays == {0, 3, 6}
    assert parse_cron("10-12/59 9 * * *").minutes == {10}


@pytest.mark.parametrize(
    ("expression", "both_days", "wildcard"),
    [
        ("0 9 13 * 5", False, False),
        ("0 9 */2 * 5", True, False),
        ("0 9 13 * */2", True, False),
        ("0 9 1-31 * 5", False, False),
        ("*/30 9 * * *", True, True),
        ("0 */2 * * *", True, True),
        ("@hourly", True, True),
        ("@daily", True, False),
    ],
)
def test_a_star_counts_where_it_stands_first(expression: str, both_days: bool, wildcard: bool) -> None:
    read = parse_cron(expression)

    assert (read.both_days, read.wildcard) == (both_days, wildcard)


@pytest.mark.parametrize(
    ("rule", "wrong", "right"),
    [
        ("hourly", "The rule", "daily, weekly, monthly, weekdays, cron: and five fields, or rrule:"),
        ("cron:" + "1" * 96, "101 characters", "at most 100"),
        ("cron:0 9 * *", "not 4", "minute, hour, day of month, month, day of week"),
        ("cron:@reboot", "'@reboot'", "@daily"),
        ("cron:0 9 L * *", "'L' in the day of month", "use *"),
        ("cron:0 9 * monday *", "'monday' in the month", "JAN to DEC"),
        ("cron:61 9 * * *", "minute is 61", "0 to 59"),
        ("cron:0 9 * * */9", "day of week is 9", "1 to 7"),
        ("cron:0 9 * * 6-1", "6-1", "Sunday is 7"),
        ("cron:0 9 30 2 *", "No date", "choose"),
        ("cron:* 9 * * *", "too often", "5 minutes"),
    ],
)
def test_a_refusal_says_what_is_wrong_and_what_would_be_right(rule: str, wrong: str, right: str) -> None:
    with pytest.raises(RuleError) as refusal:
        check_rule(rule, timezone="UTC")

    assert wrong in str(refusal.value)
    assert right in str(refusal.value)
