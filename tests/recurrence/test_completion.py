"""Completing an occurrence: the next slot of the plan, or one period after the day it was done."""

from datetime import datetime

import pytest

from recurrence.rules import Mode, RuleError, Series

at = datetime.fromisoformat


def next_of(
    rule: str,
    anchor: str,
    occurrence: str,
    completed: str,
    mode: Mode = "after_completion",
    zone: str = "UTC",
) -> datetime | None:
    series = Series(rule=rule, timezone=zone, anchor=at(anchor))
    return series.after_completion(at(occurrence), at(completed), mode)


@pytest.mark.parametrize(
    ("rule", "completed", "answer"),
    [
        ("daily", "2026-01-31T20:00Z", "2026-02-01T09:00Z"),
        ("weekly", "2026-01-31T20:00Z", "2026-02-07T09:00Z"),
        ("monthly", "2026-01-31T20:00Z", "2026-02-28T09:00Z"),
        ("monthly", "2026-02-28T20:00Z", "2026-03-28T09:00Z"),
        ("monthly", "2028-01-30T20:00Z", "2028-02-29T09:00Z"),
    ],
)
def test_a_period_after_the_day_of_completion_at_the_anchors_time(
    rule: str, completed: str, answer: str
) -> None:
    assert next_of(rule, "2026-01-05T09:00", "2026-01-20T09:00Z", completed) == at(answer)


def test_the_period_is_added_to_the_local_date() -> None:
    answer = next_of(
        "weekly", "2026-06-01T07:00", "2026-06-08T07:00+12:00", "2026-06-09T13:00Z", zone="Pacific/Auckland"
    )

    assert answer == at("2026-06-17T07:00+12:00")


def test_the_anchors_time_in_a_gap_is_shifted_for_that_day_only() -> None:
    answer = next_of(
        "daily",
        "2025-03-01T02:30",
        "2025-03-07T02:30-05:00",
        "2025-03-08T12:00-05:00",
        zone="America/New_York",
    )

    assert answer == at("2025-03-09T03:30-04:00")


def test_a_day_that_never_was_is_passed_over() -> None:
    answer = next_of(
        "daily", "2011-12-01T09:00", "2011-12-28T09:00-10:00", "2011-12-29T12:00-10:00", zone="Pacific/Apia"
    )

    assert answer == at("2011-12-31T09:00+14:00")


def test_the_next_slot_is_after_the_completion_also_when_its_local_time_comes_twice() -> None:
    """St. John's, done in the second 23:30 of 6 November 2010: the one 00:00 that counts has passed."""
    answer = next_of(
        "daily",
        "2010-11-01T00:00",
        "2010-11-06T00:00-02:30",
        "2010-11-06T23:30-03:30",
        zone="America/St_Johns",
    )

    assert answer == at("2010-11-08T00:00-03:30")


def test_done_a_day_early_the_same_slot_does_not_come_again() -> None:
    """18 June plus one day would be the occurrence itself."""
    assert next_of("daily", "2026-06-01T18:00", "2026-06-19T18:00Z", "2026-06-18T09:00Z") == at(
        "2026-06-20T18:00Z"
    )
    assert next_of("monthly", "2026-01-31T18:00", "2026-02-28T18:00Z", "2026-01-31T09:00Z") == at(
        "2026-03-31T18:00Z"
    )


@pytest.mark.parametrize(
    ("rule", "completed", "taken", "answer"),
    [
        # The day of completion plus two months, not the taken 28 February plus one.
        ("monthly", "2026-01-31T20:00Z", ["2026-02-28T09:00Z"], "2026-03-31T09:00Z"),
        ("rrule:FREQ=YEARLY", "2028-02-29T20:00Z", ["2029-02-28T09:00Z"], "2030-02-28T09:00Z"),
        ("rrule:FREQ=MONTHLY;INTERVAL=13", "2026-12-31T20:00Z", ["2028-01-31T09:00Z"], "2029-02-28T09:00Z"),
        ("weekly", "2026-01-31T20:00Z", ["2026-02-07T09:00Z", "2026-02-14T09:00Z"], "2026-02-21T09:00Z"),
        ("weekly", "2026-01-31T20:00Z", ["2026-02-14T09:00Z"], "2026-02-07T09:00Z"),
    ],
)
def test_a_slot_that_has_an_occurrence_is_passed_over_by_whole_periods_from_the_completion(
    rule: str, completed: str, taken: list[str], answer: str
) -> None:
    series = Series(rule=rule, timezone="UTC", anchor=at("2026-01-05T09:00"))

    slot = series.after_completion(
        at("2026-01-20T09:00Z"), at(completed), "after_completion", taken=[at(text) for text in taken]
    )

    assert slot == at(answer)


def test_a_fixed_plan_passes_over_the_slots_that_have_an_occurrence() -> None:
    series = Series(rule="rrule:FREQ=DAILY;COUNT=4", timezone="UTC", anchor=at("2026-06-01T09:00"))
    days = [at(f"2026-06-0{day}T09:00Z") for day in range(1, 5)]

    assert series.after_completion(days[0], days[0], taken=days[1:3]) == days[3]
    assert series.after_completion(days[0], days[0], taken=days[1:]) is None


def test_done_days_early_the_period_counts_from_that_day() -> None:
    assert next_of("weekly", "2026-06-01T18:00", "2026-06-15T18:00Z", "2026-06-12T09:00Z") == at(
        "2026-06-19T18:00Z"
    )


@pytest.mark.parametrize("mode", ["fixed", "after_completion"])
def test_the_end_of_the_series_holds_in_both_modes(mode: Mode) -> None:
    series = Series(
        rule="daily", timezone="UTC", anchor=at("2026-06-01T09:00"), until=at("2026-06-05T09:00Z")
    )

    assert series.after_completion(at("2026-06-03T09:00Z"), at("2026-06-04T08:00Z"), mode) is not None
    assert series.after_completion(at("2026-06-05T09:00Z"), at("2026-06-05T10:00Z"), mode) is None


@pytest.mark.parametrize("rule", ["weekdays", "cron:0 9 * * *"])
def test_there_is_no_period_to_add_for_weekdays_and_cron(rule: str) -> None:
    with pytest.raises(RuleError) as refusal:
        next_of(rule, "2026-06-01T09:00", "2026-06-01T09:00Z", "2026-06-01T10:00Z")

    assert refusal.value.code == "mode_not_allowed"


def test_a_fixed_plan_goes_on_after_the_later_of_occurrence_and_completion() -> None:
    def fixed(occurrence: str, completed: str) -> datetime | None:
        return next_of("weekdays", "2026-06-01T09:00", occurrence, completed, "fixed")

    assert fixed("2026-06-05T09:00Z", "2026-06-04T20:00Z") == at("2026-06-08T09:00Z")
    assert fixed("2026-06-05T09:00Z", "2026-06-08T08:59Z") == at("2026-06-08T09:00Z")
    assert fixed("2026-06-05T09:00Z", "2026-06-08T09:00Z") == at("2026-06-09T09:00Z")
