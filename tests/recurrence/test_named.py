"""Named rules: the anchor's time of day, its weekday or its day of month, whatever came before."""

from datetime import UTC, datetime

import pytest

from recurrence.rules import Series

at = datetime.fromisoformat


def dates(rule: str, anchor: str, after: str | None, count: int) -> list[str]:
    series = Series(rule=rule, timezone="UTC", anchor=at(anchor))
    slots = series.upcoming(None if after is None else at(after), count)
    return [slot.strftime("%Y-%m-%d") for slot in slots]


def test_the_31st_clamps_and_comes_back() -> None:
    assert dates("monthly", "2026-01-31T09:00", None, 6) == [
        "2026-01-31",
        "2026-02-28",
        "2026-03-31",
        "2026-04-30",
        "2026-05-31",
        "2026-06-30",
    ]


def test_an_anchor_on_leap_day_is_the_29th_of_each_month_and_the_28th_of_a_short_february() -> None:
    assert dates("monthly", "2028-02-29T09:00", "2028-12-29T09:00Z", 3) == [
        "2029-01-29",
        "2029-02-28",
        "2029-03-29",
    ]
    assert dates("monthly", "2028-02-29T09:00", "2032-01-29T09:00Z", 1) == ["2032-02-29"]


def test_february_of_2100_has_28_days() -> None:
    assert dates("monthly", "2096-02-29T09:00", "2100-02-01T00:00Z", 1) == ["2100-02-28"]


def test_an_anchor_on_28_february_stays_the_28th() -> None:
    assert dates("monthly", "2027-02-28T09:00", "2028-02-01T00:00Z", 2) == ["2028-02-28", "2028-03-28"]


@pytest.mark.parametrize("anchor", ["2026-06-06T09:00", "2026-06-07T09:00", "2026-06-08T09:00"])
def test_weekdays_from_a_weekend_start_on_monday(anchor: str) -> None:
    assert dates("weekdays", anchor, None, 6) == [
        "2026-06-08",
        "2026-06-09",
        "2026-06-10",
        "2026-06-11",
        "2026-06-12",
        "2026-06-15",
    ]


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        ("2026-06-12T08:59Z", "2026-06-12"),
        ("2026-06-12T09:00Z", "2026-06-15"),
        ("2026-06-13T08:00Z", "2026-06-15"),
        ("2026-06-14T23:00Z", "2026-06-15"),
        ("2026-06-15T08:00Z", "2026-06-15"),
    ],
)
def test_weekdays_asked_around_a_weekend(asked: str, answer: str) -> None:
    assert dates("weekdays", "2026-06-03T09:00", asked, 1) == [answer]


@pytest.mark.parametrize(
    ("rule", "answer"),
    [
        ("daily", "2026-03-02"),
        ("weekly", "2026-03-07"),
        ("monthly", "2026-03-31"),
        ("weekdays", "2026-03-02"),
    ],
)
def test_an_anchor_of_the_far_past_gives_the_day_it_would_have_reached(rule: str, answer: str) -> None:
    assert dates(rule, "0004-01-31T09:00", "2026-03-01T12:00Z", 1) == [answer]


def test_seconds_of_the_anchor_are_dropped() -> None:
    series = Series(rule="daily", timezone="Europe/Berlin", anchor=at("2026-06-01T18:30:59.999999"))

    assert series.next_after(None) == datetime(2026, 6, 1, 16, 30, tzinfo=UTC)


def test_slots_are_utc_whatever_the_offset_of_the_question() -> None:
    series = Series(rule="daily", timezone="Asia/Tokyo", anchor=at("2026-06-01T09:00"))

    slot = series.next_after(at("2026-06-01T09:00+09:00"))

    assert slot is not None
    assert slot.isoformat() == "2026-06-02T00:00:00+00:00"


def test_the_first_slot_needs_no_question_and_nothing_lies_before_it() -> None:
    series = Series(rule="weekly", timezone="UTC", anchor=at("2026-06-01T09:00"))

    assert series.next_after(None) == at("2026-06-01T09:00Z")
    assert series.next_after(at("0001-01-01T00:00Z")) == at("2026-06-01T09:00Z")


def test_an_end_before_the_first_slot_leaves_none() -> None:
    series = Series(
        rule="weekdays", timezone="UTC", anchor=at("2026-06-06T09:00"), until=at("2026-06-07T23:59Z")
    )

    assert series.upcoming(None, 5) == []


def test_an_anchor_is_naive_and_an_instant_is_not() -> None:
    with pytest.raises(ValueError, match="UTC offset"):
        Series(rule="daily", timezone="UTC", anchor=at("2026-06-01T09:00Z"))
    with pytest.raises(ValueError, match="UTC offset"):
        Series(rule="daily", timezone="UTC", anchor=at("2026-06-01T09:00"), until=at("2026-07-01T09:00"))
    with pytest.raises(ValueError, match="UTC offset"):
        Series(rule="daily", timezone="UTC", anchor=at("2026-06-01T09:00")).next_after(at("2026-06-01T09:00"))
