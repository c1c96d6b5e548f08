"""What an answer costs, counted in calls: nothing grows with the slots passed over."""

import sys
from collections.abc import Callable
from datetime import datetime
from types import FrameType

import pytest

from recurrence.rules import Policy, Series, check_rule

at = datetime.fromisoformat


def calls_of(ask: Callable[[], object]) -> int:
    """How many Python functions an answer calls; the first asking fills the caches."""
    ask()
    return first_calls_of(ask)


def first_calls_of(ask: Callable[[], object]) -> int:
    count = 0

    def on_event(_frame: FrameType, event: str, _arg: object) -> None:
        nonlocal count
        count += event == "call"

    previous = sys.getprofile()
    sys.setprofile(on_event)
    try:
        ask()
    finally:
        sys.setprofile(previous)
    return count


def calls_from(anchor: str, rule: str) -> int:
    question = at("2026-05-15T12:00Z")
    return calls_of(
        lambda: Series(rule=rule, timezone="Europe/Berlin", anchor=at(anchor)).next_after(question)
    )


@pytest.mark.parametrize("rule", ["daily", "weekly", "monthly", "weekdays"])
def test_the_oldest_anchor_costs_a_named_rule_no_more_than_a_new_one(rule: str) -> None:
    assert calls_from("0001-01-29T09:00", rule) <= calls_from("2026-05-01T09:00", rule) + 2


@pytest.mark.parametrize(
    "rule",
    [
        "rrule:FREQ=DAILY;INTERVAL=10",
        "rrule:FREQ=WEEKLY;INTERVAL=2;BYDAY=FR",
        "rrule:FREQ=MONTHLY;BYDAY=-1FR",
        "rrule:FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1",
        "rrule:FREQ=YEARLY",
        "rrule:FREQ=MONTHLY;INTERVAL=3;BYMONTHDAY=15;COUNT=1000",
    ],
)
def test_an_old_anchor_costs_no_more_than_a_new_one(rule: str) -> None:
    assert calls_from("1980-01-29T09:00", rule) <= calls_from("2015-01-29T09:00", rule) + 10


@pytest.mark.parametrize(
    ("rule", "zone", "after"),
    [
        ("cron:0 9 * * *", "Europe/Berlin", "2026-06-01T00:00Z"),
        # Inside the repeated hour, where 49 of the fixed minutes have run already.
        ("cron:0-59 0-23 * * *", "America/New_York", "2025-11-02T01:10-05:00"),
        ("cron:* * * * *", "America/New_York", "2025-11-02T01:10-05:00"),
        # Before the hour that is skipped, and the 1,440 minutes that were.
        ("cron:0-59 0-23 * * *", "America/New_York", "2025-03-09T01:59-05:00"),
        ("cron:* * * * *", "America/New_York", "2025-03-09T01:59-05:00"),
        ("cron:0-59 0-23 * * *", "Pacific/Apia", "2011-12-29T23:59-10:00"),
        ("cron:* * * * *", "Pacific/Apia", "2011-12-29T23:59-10:00"),
        # Some 16 changes of the clocks before the next match.
        ("cron:* 0 29 2 *", "America/New_York", "2096-03-01T00:00Z"),
        ("cron:0 0 29 2 *", "America/New_York", "2096-03-01T00:00Z"),
        # 40 years before it.
        ("rrule:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29;BYDAY=WE", "UTC", "2072-03-01T00:00Z"),
    ],
)
def test_the_next_slot_takes_a_few_calls(rule: str, zone: str, after: str) -> None:
    series = Series(rule=rule, timezone=zone, anchor=at("2000-01-01T00:00"))

    assert calls_of(lambda: series.next_after(at(after))) < 200


@pytest.mark.parametrize("expression", ["* * * * *", "0-59 0-23 * * *", "*/7 3 * * 1-5"])
@pytest.mark.parametrize(("policy", "most"), [("latest", 1000), ("all", 3000), ("skip", 150)])
def test_catching_up_costs_no_more_for_a_dense_rule(expression: str, policy: Policy, most: int) -> None:
    series = Series(rule=f"cron:{expression}", timezone="America/New_York", anchor=at("2020-01-01T00:00"))

    def catch_up() -> object:
        answer = series.catch_up(at("2025-01-01T00:00Z"), at("2026-01-01T12:00Z"), policy)
        assert answer.missed > 1000
        return answer

    assert calls_of(catch_up) < most


@pytest.mark.parametrize(
    "rule",
    [
        "cron:0,58 0,23 * * 1,3,5",
        "cron:0,58 0,23 1-29/4 1-11/2 */7",
        "cron:0 0 29 2 */7",
        "rrule:FREQ=YEARLY;INTERVAL=10;BYMONTH=2;BYMONTHDAY=29;BYDAY=SU;BYSETPOS=-1",
        "rrule:FREQ=YEARLY;BYDAY=MO,TU,WE,TH,FR,SA,SU;BYMONTHDAY=13;BYSETPOS=12",
        "rrule:FREQ=MONTHLY;BYDAY=1MO,-1MO,2TU,-2TU,WE;BYMONTHDAY=1,-1,15;BYSETPOS=1,-1",
    ],
)
def test_the_first_check_of_a_rule_is_cheap_and_its_verdict_is_remembered(rule: str) -> None:
    """2,500 calls take some 0.5 ms."""

    def check() -> None:
        check_rule(rule, timezone="UTC")

    check_rule("daily", timezone="UTC")
    assert first_calls_of(check) < 2500
    assert first_calls_of(check) < 10


@pytest.mark.parametrize(
    "rule", ["cron:* * * * *", "cron:0-59 0-23 * * *", "daily", "rrule:FREQ=DAILY;COUNT=1000"]
)
@pytest.mark.parametrize("policy", ["skip", "latest", "all"])
def test_a_hundred_years_are_counted_without_looking_at_each_slot(rule: str, policy: Policy) -> None:
    """The work is in the zone's 200 changes; the newest slots are found among them too."""
    series = Series(rule=rule, timezone="America/New_York", anchor=at("2020-01-01T00:00"))

    def century() -> object:
        return series.catch_up(at("2025-01-01T00:00Z"), at("2125-01-01T00:00Z"), policy)

    assert calls_of(century) < 10_000
