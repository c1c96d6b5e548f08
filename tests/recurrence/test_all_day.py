"""All-day series: days without times, each with the last minute of its local day."""

from datetime import date, datetime

import pytest

from recurrence.rules import Series, last_minute_of, zone

at = datetime.fromisoformat


def days(rule: str, timezone: str, first: str, count: int, after: str | None = None) -> list[str]:
    series = Series(rule=rule, timezone=timezone, anchor=at(first), all_day=True)
    slots = series.upcoming(None if after is None else at(after), count)
    return [slot.astimezone(zone(timezone)).strftime("%Y-%m-%d") for slot in slots]


@pytest.mark.parametrize(
    ("day", "timezone", "instant"),
    [
        ("2026-06-07", "Europe/Berlin", "2026-06-07T23:59+02:00"),
        # 23:00 to 24:00 comes twice.
        ("2025-04-05", "America/Santiago", "2025-04-05T23:59-04:00"),
        ("2025-10-30", "Africa/Cairo", "2025-10-30T23:59+02:00"),
        ("2010-11-06", "America/St_Johns", "2010-11-06T23:59-03:30"),
        # From 23:00 clocks go to midnight.
        ("2027-03-27", "America/Nuuk", "2027-03-27T22:59-02:00"),
        ("2025-09-06", "America/Santiago", "2025-09-06T23:59-04:00"),
        ("2011-12-30", "Pacific/Apia", None),
        ("2011-12-29", "Pacific/Apia", "2011-12-29T23:59-10:00"),
        ("1993-08-21", "Pacific/Kwajalein", None),
        ("9999-12-31", "America/New_York", None),
        ("9999-12-31", "Asia/Tokyo", "9999-12-31T23:59+09:00"),
    ],
)
def test_when_a_day_is_due(day: str, timezone: str, instant: str | None) -> None:
    assert last_minute_of(date.fromisoformat(day), timezone) == (None if instant is None else at(instant))


def test_days_over_the_changes_of_a_year() -> None:
    assert days("daily", "America/Nuuk", "2027-03-26", 3) == ["2027-03-26", "2027-03-27", "2027-03-28"]
    assert days("daily", "America/St_Johns", "2010-11-05", 4) == [
        "2010-11-05",
        "2010-11-06",
        "2010-11-07",
        "2010-11-08",
    ]
    assert days("rrule:FREQ=WEEKLY;INTERVAL=2", "Europe/Berlin", "2026-03-15", 3) == [
        "2026-03-15",
        "2026-03-29",
        "2026-04-12",
    ]


def test_a_day_that_never_was_is_skipped() -> None:
    assert days("daily", "Pacific/Apia", "2011-12-29", 3) == ["2011-12-29", "2011-12-31", "2012-01-01"]
    assert days("daily", "Pacific/Apia", "2011-12-30", 1) == ["2011-12-31"]
    assert days("rrule:FREQ=DAILY;COUNT=3", "Pacific/Apia", "2011-12-29", 9) == ["2011-12-29", "2011-12-31"]


def test_the_day_of_the_question_is_still_to_come_until_its_last_minute() -> None:
    assert days("daily", "UTC", "2026-01-01", 1, "2026-06-01T00:00Z") == ["2026-06-01"]
    assert days("daily", "UTC", "2026-01-01", 1, "2026-06-01T23:58Z") == ["2026-06-01"]
    assert days("daily", "UTC", "2026-01-01", 1, "2026-06-01T23:59Z") == ["2026-06-02"]


def test_a_question_in_the_first_pass_of_midnight_still_gets_the_day_before() -> None:
    """St. John's showed 00:00 of 7 November 2010, then 23:01 of the 6th again."""
    assert days("daily", "America/St_Johns", "2010-11-01", 2, "2010-11-07T00:00-02:30") == [
        "2010-11-06",
        "2010-11-07",
    ]


def test_what_was_missed_is_counted_in_days_that_there_were() -> None:
    series = Series(rule="daily", timezone="Pacific/Apia", anchor=at("2011-12-28"), all_day=True)
    last = [last_minute_of(date.fromisoformat(day), "Pacific/Apia") for day in ("2011-12-29", "2011-12-31")]

    answer = series.catch_up(at("2011-12-28T23:59-10:00"), at("2012-01-01T12:00+14:00"), "all")

    assert (answer.missed, answer.slots) == (2, last)
    assert (
        series.catch_up(at("2011-12-29T12:00-10:00"), at("2011-12-31T00:00+14:00"), "all").slots == last[:1]
    )


def test_completion_gives_a_day() -> None:
    series = Series(
        rule="rrule:FREQ=DAILY;INTERVAL=3", timezone="Europe/Berlin", anchor=at("2026-06-01"), all_day=True
    )
    occurrence = at("2026-06-10T23:59+02:00")

    assert series.after_completion(occurrence, at("2026-06-09T08:00+02:00")) == at("2026-06-13T23:59+02:00")
    assert series.after_completion(occurrence, at("2026-06-12T08:00+02:00"), "after_completion") == at(
        "2026-06-15T23:59+02:00"
    )


def test_the_end_is_the_day_named() -> None:
    series = Series(
        rule="daily",
        timezone="Asia/Tokyo",
        anchor=at("2026-06-01"),
        until=at("2026-06-03T23:59+09:00"),
        all_day=True,
    )

    assert len(series.upcoming(None, 9)) == 3
