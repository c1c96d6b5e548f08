"""What an answer costs, counted in calls: nothing grows with the slots passed over."""

import sys
from collections.abc import Callable
from datetime import datetime
from types import FrameType
from typing import Any

import pytest
from croniter import croniter

from recurrence import calendars
from recurrence.rules import Policy, Series

at = datetime.fromisoformat


@pytest.fixture
def searches(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Each use of croniter leaves its expression here."""
    made: list[str] = []

    def counted_croniter(expression: str, *args: Any, **kwargs: Any) -> Any:
        made.append(expression)
        return croniter(expression, *args, **kwargs)

    monkeypatch.setattr(calendars, "croniter", counted_croniter)
    return made


def calls_of(ask: Callable[[], object]) -> int:
    """How many Python functions an answer calls; the first asking fills the caches."""
    ask()
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


@pytest.mark.parametrize("rule", ["daily", "weekly", "monthly", "weekdays"])
def test_an_old_anchor_costs_no_more_than_a_new_one(rule: str) -> None:
    def calls(anchor: str) -> int:
        question = at("2026-05-15T12:00Z")
        return calls_of(
            lambda: Series(rule=rule, timezone="Europe/Berlin", anchor=at(anchor)).next_after(question)
        )

    assert calls("0001-01-29T09:00") <= calls("2026-05-01T09:00") + 2


@pytest.mark.parametrize(
    ("expression", "zone", "after", "most"),
    [
        ("0 9 * * *", "Europe/Berlin", "2026-06-01T00:00Z", 1),
        # Inside the repeated hour, where 49 of the fixed minutes have run already.
        ("0-59 0-23 * * *", "America/New_York", "2025-11-02T01:10-05:00", 1),
        ("* * * * *", "America/New_York", "2025-11-02T01:10-05:00", 1),
        # Before the hour that is skipped, and the 1,440 minutes that were.
        ("0-59 0-23 * * *", "America/New_York", "2025-03-09T01:59-05:00", 1),
        ("* * * * *", "America/New_York", "2025-03-09T01:59-05:00", 2),
        ("0-59 0-23 * * *", "Pacific/Apia", "2011-12-29T23:59-10:00", 2),
        ("* * * * *", "Pacific/Apia", "2011-12-29T23:59-10:00", 2),
        # Some 16 changes of the clocks before the next match.
        ("* 0 29 2 *", "America/New_York", "2096-03-01T00:00Z", 1),
        ("0 0 29 2 *", "America/New_York", "2096-03-01T00:00Z", 1),
    ],
)
def test_the_next_slot_takes_one_search_and_one_more_beyond_a_gap(
    expression: str, zone: str, after: str, most: int, searches: list[str]
) -> None:
    series = Series(rule=f"cron:{expression}", timezone=zone, anchor=at("2000-01-01T00:00"))

    assert series.next_after(at(after)) is not None
    assert len(searches) <= most


@pytest.mark.parametrize("expression", ["* * * * *", "0-59 0-23 * * *", "*/7 3 * * 1-5"])
@pytest.mark.parametrize(("policy", "most"), [("latest", 2), ("all", 32), ("skip", 1)])
def test_catching_up_searches_once_for_each_slot_it_answers(
    expression: str, policy: Policy, most: int, searches: list[str]
) -> None:
    series = Series(rule=f"cron:{expression}", timezone="America/New_York", anchor=at("2020-01-01T00:00"))

    answer = series.catch_up(at("2025-01-01T00:00Z"), at("2026-01-01T12:00Z"), policy)

    assert answer.missed > 1000
    assert len(searches) <= most


@pytest.mark.parametrize("rule", ["cron:* * * * *", "cron:0-59 0-23 * * *", "daily"])
def test_a_year_of_slots_is_counted_without_looking_at_each(rule: str) -> None:
    """The work is in finding the zone's changes, a few calls for every three days."""
    series = Series(rule=rule, timezone="America/New_York", anchor=at("2020-01-01T00:00"))

    def year() -> object:
        return series.catch_up(at("2025-01-01T00:00Z"), at("2026-01-01T00:00Z"), "skip")

    assert calls_of(year) < 1500


def test_ten_years_cost_ten_times_one_and_finding_the_newest_slot_as_much_again() -> None:
    series = Series(rule="cron:* * * * *", timezone="America/New_York", anchor=at("2015-12-01T00:00"))

    def calls(since: str, policy: Policy) -> int:
        return calls_of(lambda: series.catch_up(at(since), at("2026-01-01T00:00Z"), policy))

    one, ten = calls("2025-01-01T00:00Z", "skip"), calls("2016-01-01T00:00Z", "skip")
    assert ten < 10 * one
    assert calls("2016-01-01T00:00Z", "latest") < 2.2 * ten
