"""Hard zones: hours and days that never were or came twice, as the named rules and cron read them."""

from datetime import date, datetime

import pytest

from recurrence.rules import Series, end_of_local_day, instant_of, zone

at = datetime.fromisoformat


def walls(rule: str, timezone: str, anchor: str, count: int, after: str | None = None) -> list[str]:
    """The slots as the zone's own clock shows them, with its offset."""
    series = Series(rule=rule, timezone=timezone, anchor=at(anchor))
    slots = series.upcoming(None if after is None else at(after), count)
    return [slot.astimezone(zone(timezone)).isoformat(timespec="minutes") for slot in slots]


def test_lord_howe_moves_its_clocks_by_half_an_hour() -> None:
    assert walls("daily", "Australia/Lord_Howe", "2025-10-04T02:15", 3) == [
        "2025-10-04T02:15+10:30",
        "2025-10-05T02:45+11:00",
        "2025-10-06T02:15+11:00",
    ]
    assert walls("cron:15 2 * * *", "Australia/Lord_Howe", "2025-10-04T02:15", 3) == [
        "2025-10-04T02:15+10:30",
        "2025-10-05T02:30+11:00",
        "2025-10-06T02:15+11:00",
    ]


def test_troll_moves_its_clocks_by_two_hours() -> None:
    assert walls("daily", "Antarctica/Troll", "2025-03-29T02:30", 3) == [
        "2025-03-29T02:30+00:00",
        "2025-03-30T04:30+02:00",
        "2025-03-31T02:30+02:00",
    ]
    assert walls("cron:0,30 1-3 * * *", "Antarctica/Troll", "2025-10-26T00:30", 7) == [
        "2025-10-26T01:00+02:00",
        "2025-10-26T01:30+02:00",
        "2025-10-26T02:00+02:00",
        "2025-10-26T02:30+02:00",
        "2025-10-26T03:00+00:00",
        "2025-10-26T03:30+00:00",
        "2025-10-27T01:00+00:00",
    ]
    assert walls("cron:30 */1 * * *", "Antarctica/Troll", "2025-10-26T01:30", 5) == [
        "2025-10-26T01:30+02:00",
        "2025-10-26T02:30+02:00",
        "2025-10-26T01:30+00:00",
        "2025-10-26T02:30+00:00",
        "2025-10-26T03:30+00:00",
    ]


def test_casablanca_leaves_its_summer_time_for_ramadan() -> None:
    assert walls("daily", "Africa/Casablanca", "2025-02-22T02:30", 3) == [
        "2025-02-22T02:30+01:00",
        "2025-02-23T02:30+01:00",
        "2025-02-24T02:30+00:00",
    ]
    assert walls("daily", "Africa/Casablanca", "2025-04-05T02:30", 3) == [
        "2025-04-05T02:30+00:00",
        "2025-04-06T03:30+01:00",
        "2025-04-07T02:30+01:00",
    ]


def test_dublin_has_its_standard_time_in_summer() -> None:
    assert walls("weekly", "Europe/Dublin", "2025-03-23T01:30", 3) == [
        "2025-03-23T01:30+00:00",
        "2025-03-30T02:30+01:00",
        "2025-04-06T01:30+01:00",
    ]
    assert walls("daily", "Europe/Dublin", "2025-10-25T01:30", 3) == [
        "2025-10-25T01:30+01:00",
        "2025-10-26T01:30+01:00",
        "2025-10-27T01:30+00:00",
    ]


@pytest.mark.parametrize("rule", ["daily", "cron:0 9 * * *", "cron:0 */9 * * *"])
def test_apia_never_had_30_december_2011(rule: str) -> None:
    slots = walls(rule, "Pacific/Apia", "2011-12-28T09:00", 20)

    assert "2011-12-29T09:00-10:00" in slots
    assert "2011-12-31T09:00+14:00" in slots
    assert not [slot for slot in slots if slot.startswith("2011-12-30")]


def test_a_weekly_series_of_apia_loses_that_friday_and_keeps_its_fridays() -> None:
    assert walls("weekly", "Pacific/Apia", "2011-12-23T09:00", 3) == [
        "2011-12-23T09:00-10:00",
        "2012-01-06T09:00+14:00",
        "2012-01-13T09:00+14:00",
    ]


def test_every_minute_goes_on_after_the_day_apia_never_had() -> None:
    assert walls("cron:* * * * *", "Pacific/Apia", "2011-12-29T23:58", 4) == [
        "2011-12-29T23:58-10:00",
        "2011-12-29T23:59-10:00",
        "2011-12-31T00:00+14:00",
        "2011-12-31T00:01+14:00",
    ]


def test_a_gap_of_three_hours_is_still_made_up_for() -> None:
    """Casey went from 02:00 to 05:00 on 18 October 2009."""
    assert walls("daily", "Antarctica/Casey", "2009-10-17T04:30", 3) == [
        "2009-10-17T04:30+08:00",
        "2009-10-18T07:30+11:00",
        "2009-10-19T04:30+11:00",
    ]
    assert walls("cron:30 2,3,4 * * *", "Antarctica/Casey", "2009-10-18T00:00", 2) == [
        "2009-10-18T05:00+11:00",
        "2009-10-19T02:30+11:00",
    ]


def test_kwajalein_never_had_21_august_1993_and_nearly_twice_30_september_1969() -> None:
    assert walls("daily", "Pacific/Kwajalein", "1993-08-20T09:00", 2) == [
        "1993-08-20T09:00-12:00",
        "1993-08-22T09:00+12:00",
    ]
    assert walls("daily", "Pacific/Kwajalein", "1969-09-29T09:00", 3) == [
        "1969-09-29T09:00+11:00",
        "1969-09-30T09:00+11:00",
        "1969-10-01T09:00-12:00",
    ]


def test_a_fold_over_midnight_repeats_nothing_of_either_day() -> None:
    """St. John's went from 00:01 back to 23:01 on 7 November 2010."""
    for rule in ("daily", "cron:30 23 * * *"):
        assert walls(rule, "America/St_Johns", "2010-11-05T23:30", 3) == [
            "2010-11-05T23:30-02:30",
            "2010-11-06T23:30-02:30",
            "2010-11-07T23:30-03:30",
        ]
    assert walls("daily", "America/St_Johns", "2010-11-06T00:00", 3) == [
        "2010-11-06T00:00-02:30",
        "2010-11-07T00:00-02:30",
        "2010-11-08T00:00-03:30",
    ]


def test_a_question_between_a_skipped_time_and_its_slot_gets_that_slot() -> None:
    """02:30 of 9 March 2025 in New York is 03:30; at 03:10 it is still to come."""
    assert walls("daily", "America/New_York", "2025-03-01T02:30", 1, after="2025-03-09T03:10-04:00") == [
        "2025-03-09T03:30-04:00"
    ]


def test_a_wildcard_starts_where_its_skipped_anchor_ends() -> None:
    assert walls("cron:*/20 * * * *", "America/New_York", "2025-03-09T02:30", 2) == [
        "2025-03-09T03:00-04:00",
        "2025-03-09T03:20-04:00",
    ]


def test_a_wildcard_anchored_in_a_repeated_hour_runs_in_what_is_left_of_it_and_in_all_of_the_second() -> None:
    assert walls("cron:*/30 1 * * *", "America/New_York", "2025-11-02T01:15", 4) == [
        "2025-11-02T01:30-04:00",
        "2025-11-02T01:00-05:00",
        "2025-11-02T01:30-05:00",
        "2025-11-03T01:00-05:00",
    ]


def test_a_summer_time_of_one_week_is_not_overlooked() -> None:
    """Noronha went from 00:00 to 01:00 on 8 October 2000, and back a week later."""
    series = Series(rule="cron:*/30 0 8 10 *", timezone="America/Noronha", anchor=at("2000-01-01T00:00"))
    daily = Series(rule="cron:*/30 0 * * *", timezone="America/Noronha", anchor=at("2000-09-01T00:00"))

    assert series.next_after(None) == at("2001-10-08T00:00-02:00")
    assert daily.catch_up(None, at("2000-10-31T12:00-02:00"), "skip").missed == 2 * 61 - 2


def test_an_offset_with_seconds_gives_whole_minutes() -> None:
    """Monrovia was 44 minutes and 30 seconds behind UTC until 1972."""
    series = Series(rule="daily", timezone="Africa/Monrovia", anchor=at("1971-06-01T09:00"))

    assert series.upcoming(None, 2) == [at("1971-06-01T09:45Z"), at("1971-06-02T09:45Z")]
    assert series.next_after(at("1971-06-02T09:44:59Z")) == at("1971-06-02T09:45Z")


@pytest.mark.parametrize(
    ("local", "timezone", "instant"),
    [
        ("2025-06-01T09:00", "Europe/Berlin", "2025-06-01T09:00+02:00"),
        ("2025-06-01T09:00:37.5", "Europe/Berlin", "2025-06-01T09:00+02:00"),
        ("2025-03-09T02:30", "America/New_York", "2025-03-09T03:30-04:00"),
        ("2025-11-02T01:30", "America/New_York", "2025-11-02T01:30-04:00"),
        ("2009-10-18T02:00", "Antarctica/Casey", "2009-10-18T05:00+11:00"),
        ("2011-12-30T12:00", "Pacific/Apia", None),
        ("0001-01-01T00:00", "Asia/Tokyo", None),
        ("9999-12-31T23:59", "America/New_York", None),
    ],
)
def test_the_instant_of_a_local_time(local: str, timezone: str, instant: str | None) -> None:
    assert instant_of(at(local), timezone) == (None if instant is None else at(instant))


def test_a_repeated_local_time_is_that_of_the_first_pass_even_when_marked_as_the_second() -> None:
    assert instant_of(at("2025-11-02T01:30").replace(fold=1), "America/New_York") == at(
        "2025-11-02T01:30-04:00"
    )


def test_an_instant_is_not_taken_for_a_local_time() -> None:
    with pytest.raises(ValueError, match="UTC offset"):
        instant_of(at("2025-06-01T09:00Z"), "Europe/Berlin")


@pytest.mark.parametrize(
    ("day", "timezone", "end"),
    [
        (date(2026, 6, 7), "Europe/Berlin", "2026-06-07T23:59:59+02:00"),
        (date(2025, 11, 2), "America/New_York", "2025-11-02T23:59:59-05:00"),
        # The next day begins at 01:00.
        (date(2025, 9, 6), "America/Santiago", "2025-09-06T23:59:59-04:00"),
        # 23:00 to 24:00 comes twice.
        (date(2025, 4, 5), "America/Santiago", "2025-04-05T23:59:59-04:00"),
        (date(2025, 10, 30), "Africa/Cairo", "2025-10-30T23:59:59+02:00"),
        # So do the last 59 minutes of this day and the first of the next.
        (date(2010, 11, 6), "America/St_Johns", "2010-11-06T23:59:59-03:30"),
        # The next day never was, and the day after it begins at once.
        (date(2011, 12, 29), "Pacific/Apia", "2011-12-29T23:59:59-10:00"),
        (date(2011, 12, 30), "Pacific/Apia", "2011-12-29T23:59:59-10:00"),
        (date(9999, 12, 31), "UTC", "9999-12-31T23:59:59+00:00"),
        (date(9999, 12, 31), "America/New_York", "9999-12-31T23:59:59+00:00"),
        (date(1, 1, 1), "Asia/Tokyo", "0001-01-01T14:41:59+00:00"),
    ],
)
def test_a_date_alone_ends_with_that_local_day(day: date, timezone: str, end: str) -> None:
    assert end_of_local_day(day, timezone) == at(end)


def test_the_last_day_of_a_series_is_included() -> None:
    series = Series(
        rule="cron:0 */6 * * *",
        timezone="Pacific/Auckland",
        anchor=at("2026-06-01T00:00"),
        until=end_of_local_day(date(2026, 6, 1), "Pacific/Auckland"),
    )

    assert [slot.hour for slot in series.upcoming(None, 9)] == [12, 18, 0, 6]
