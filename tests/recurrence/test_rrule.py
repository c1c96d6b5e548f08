"""`rrule:` from an anchor: what the cases leave out, and the same days as a walk from day to day."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recurrence.rules import RuleError, Series, check_rule
from tests.recurrence.rrule_rules import rules
from tests.recurrence.rrule_walk import walk

at = datetime.fromisoformat


def dates(rule: str, anchor: str, after: str | None = None, count: int = 3) -> list[str]:
    series = Series(rule=f"rrule:{rule}", timezone="UTC", anchor=at(anchor))
    slots = series.upcoming(None if after is None else at(after), count)
    return [slot.strftime("%Y-%m-%d") for slot in slots]


def test_the_week_of_the_anchor_begins_on_wkst() -> None:
    assert dates("FREQ=WEEKLY;INTERVAL=2;BYDAY=SU;WKST=SU", "2026-01-06T09:00") == [
        "2026-01-18",
        "2026-02-01",
        "2026-02-15",
    ]


def test_positions_of_a_week_count_from_wkst_and_within_the_month() -> None:
    """1 July 2026 is a Wednesday: the second of its week in July is Thursday."""
    assert dates("FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR;BYMONTH=7;BYSETPOS=2", "2026-06-01T09:00") == [
        "2026-07-02",
        "2026-07-07",
        "2026-07-14",
    ]
    assert dates("FREQ=WEEKLY;BYDAY=SU,MO;BYSETPOS=1;WKST=SU", "2026-06-01T09:00", count=1) == ["2026-06-07"]


def test_naming_every_month_is_naming_none() -> None:
    months = ",".join(map(str, range(1, 13)))
    assert dates(f"FREQ=WEEKLY;BYDAY=MO,WE,FR;BYMONTH={months};BYSETPOS=-1", "2026-01-27T09:00")[:3] == [
        "2026-01-30",
        "2026-02-06",
        "2026-02-13",
    ]


def test_positions_of_a_year() -> None:
    assert dates("FREQ=YEARLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=1,-1", "2026-06-01T09:00") == [
        "2026-12-31",
        "2027-01-01",
        "2027-12-31",
    ]


def test_count_counts_days_that_a_gap_took() -> None:
    series = Series(rule="rrule:FREQ=DAILY;COUNT=3", timezone="Pacific/Apia", anchor=at("2011-12-29T09:00"))

    assert series.upcoming(None, 9) == [at("2011-12-29T09:00-10:00"), at("2011-12-31T09:00+14:00")]
    assert series.catch_up(None, at("2020-01-01T00:00Z"), "skip").missed == 2


def test_a_count_that_is_reached_long_ago_leaves_nothing() -> None:
    series = Series(
        rule="rrule:FREQ=MONTHLY;BYDAY=5MO;COUNT=4", timezone="UTC", anchor=at("2000-01-01T09:00")
    )

    assert series.next_after(at("2026-01-01T00:00Z")) is None
    assert series.catch_up(None, at("2026-01-01T00:00Z")).slots == [at("2000-10-30T09:00Z")]


@pytest.mark.parametrize(
    ("rule", "anchor", "first", "then"),
    [
        # 29 February on a Sunday: 28 years apart, and 40 over 2100; every third of them 84.
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29;BYDAY=SU", "2076-03-01T09:00", "2088-02-29", "2128-02-29"),
        ("FREQ=YEARLY;INTERVAL=3;BYMONTH=2;BYMONTHDAY=29;BYDAY=SU", "2004-02-01T09:00", "2004-02-29", None),
        ("FREQ=YEARLY;INTERVAL=3;BYMONTH=2;BYMONTHDAY=29;BYDAY=SU", "2005-02-01T09:00", "2032-02-29", None),
        # Every 728 days, which have left February after some years.
        ("FREQ=WEEKLY;INTERVAL=104;BYMONTH=2;COUNT=1", "2026-02-01T09:00", "2026-02-01", None),
    ],
)
def test_a_pause_of_more_than_50_years_ends_the_series(
    rule: str, anchor: str, first: str, then: str | None
) -> None:
    assert dates(rule, anchor, count=2) == [first] + ([then] if then else [])
    if then is None:
        for years in (10, 60, 90, 200):
            assert dates(rule, anchor, f"{int(first[:4]) + years}-01-01T00:00Z") == []


def test_what_a_step_of_weeks_has_left_does_not_come_back() -> None:
    """Every 104 weeks in February: the weeks drift out of it, and come back after some 260 years."""
    rule, anchor = "FREQ=WEEKLY;INTERVAL=104;BYMONTH=2", "2026-02-25T09:00"
    found = dates(rule, anchor, count=50)

    assert found[0] == "2026-02-25"
    assert 5 < len(found) < 20
    assert dates(rule, anchor, "2200-01-01T00:00Z") == []
    assert dates(rule, anchor, "2300-01-01T00:00Z") == []
    series = Series(rule=f"rrule:{rule}", timezone="UTC", anchor=at(anchor))
    assert series.catch_up(None, at("2500-01-01T00:00Z"), "skip").missed == len(found)


def test_an_anchor_that_the_rule_never_meets() -> None:
    assert dates("FREQ=DAILY;INTERVAL=7;BYDAY=MO", "2026-01-01T09:00") == []
    assert dates("FREQ=MONTHLY;INTERVAL=12;BYMONTH=7", "2026-01-01T09:00") == []


def test_the_last_year_there_is() -> None:
    assert dates("FREQ=MONTHLY;BYMONTHDAY=-1", "9999-11-05T09:00") == ["9999-11-30", "9999-12-31"]
    assert dates("FREQ=WEEKLY;BYDAY=SU", "9999-12-20T09:00") == ["9999-12-26"]
    assert dates("FREQ=DAILY;INTERVAL=999;COUNT=1000", "9999-12-20T09:00") == ["9999-12-20"]


anchors = st.one_of(
    st.dates(date(2023, 12, 1), date(2025, 2, 1)), st.dates(date(2095, 12, 1), date(2101, 2, 1))
)


@settings(derandomize=True, deadline=None, database=None, max_examples=30)
@given(rule=rules(), anchor=anchors, ahead=st.integers(0, 1200))
def test_the_same_days_as_a_walk(rule: str, anchor: date, ahead: int) -> None:
    check_against_a_walk(rule, anchor, anchor + timedelta(days=ahead), days=700)


@pytest.mark.fuzz
@settings(derandomize=True, deadline=None, database=None, max_examples=3000)
@given(rule=rules(), anchor=anchors, ahead=st.integers(0, 20_000))
def test_the_same_days_as_a_walk_at_length(rule: str, anchor: date, ahead: int) -> None:
    check_against_a_walk(rule, anchor, anchor + timedelta(days=ahead), days=3000)


def may_be_set(rule: str) -> bool:
    try:
        check_rule(rule, timezone="UTC")
    except RuleError as refusal:
        if refusal.code != "never_matches":
            raise
        return False
    return True


def check_against_a_walk(rule: str, anchor: date, asked: date, days: int) -> None:
    """What follows, and how much came before; a rule that may not be set has no day at all."""
    walked = list(walk(rule, anchor, asked + timedelta(days=days)))
    assert may_be_set(rule) or walked == []
    series = Series(rule=rule, timezone="UTC", anchor=datetime(anchor.year, anchor.month, anchor.day, 9))  # noqa: DTZ001
    after = datetime(asked.year, asked.month, asked.day, 9, tzinfo=UTC)
    later = [day for day in walked if day > asked][:5]

    assert [slot.date() for slot in series.upcoming(after, len(later))] == later
    passed = [day for day in walked if day <= asked]
    answer = series.catch_up(None, after)
    assert answer.missed == len(passed)
    assert [slot.date() for slot in answer.slots] == passed[-1:]
