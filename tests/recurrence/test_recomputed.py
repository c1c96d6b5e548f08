"""A slot that was computed with other zone data, by the present ones: the same day and time of the clock."""

from datetime import datetime

import pytest

from recurrence.rules import Series

at = datetime.fromisoformat


@pytest.mark.parametrize(
    ("rule", "anchor", "stored", "slot"),
    [
        # Vancouver at -7 all year since 2026, where the older data had -8 in winter.
        ("daily", "2026-01-05T09:00", "2026-12-01T17:00Z", "2026-12-01T16:00Z"),
        ("daily", "2026-01-05T23:30", "2026-12-02T07:30Z", "2026-12-02T06:30Z"),
        ("daily", "2026-01-05T00:15", "2026-12-01T08:15Z", "2026-12-01T07:15Z"),
        ("rrule:FREQ=WEEKLY;INTERVAL=2", "2026-11-16T09:00", "2026-11-30T17:00Z", "2026-11-30T16:00Z"),
        # A day of its own: counted from a completion, or the first one of `weekdays` on a Saturday.
        ("rrule:FREQ=MONTHLY", "2026-01-05T09:00", "2026-12-12T17:00Z", "2026-12-12T16:00Z"),
        ("weekdays", "2026-12-05T09:00", "2026-12-05T17:00Z", "2026-12-05T16:00Z"),
        ("cron:0 9 * * 1", "2026-01-05T09:00", "2026-12-07T17:00Z", "2026-12-07T16:00Z"),
        ("cron:0 9,21 * * *", "2026-01-05T09:00", "2026-12-07T05:00Z", "2026-12-07T04:00Z"),
        # Clocks had not changed yet.
        ("daily", "2026-01-05T09:00", "2026-09-01T16:00Z", "2026-09-01T16:00Z"),
        ("cron:*/30 * * * *", "2026-01-05T09:00", "2026-12-01T17:00Z", "2026-12-01T17:00Z"),
        ("cron:0 9 * * 1", "2026-01-05T09:00", "2026-12-10T17:00Z", None),
    ],
)
def test_it_is_the_nearest_at_the_rules_time(rule: str, anchor: str, stored: str, slot: str | None) -> None:
    series = Series(rule=rule, timezone="America/Vancouver", anchor=at(anchor), until=at(stored))

    assert series.recomputed(at(stored)) == (None if slot is None else at(slot))


def test_a_day_of_an_all_day_series_keeps_its_date() -> None:
    series = Series(rule="daily", timezone="America/Vancouver", anchor=at("2026-01-05"), all_day=True)

    assert series.recomputed(at("2026-12-01T23:59-08:00")) == at("2026-12-01T23:59-07:00")
    assert series.recomputed(at("2026-12-01T23:59-07:00")) == at("2026-12-01T23:59-07:00")


@pytest.mark.parametrize("rule", ["daily", "cron:30 1,2 * * *", "cron:*/20 * * * *", "rrule:FREQ=YEARLY"])
@pytest.mark.parametrize("timezone", ["America/New_York", "Pacific/Apia", "Australia/Lord_Howe"])
def test_a_slot_by_the_present_data_stays(rule: str, timezone: str) -> None:
    series = Series(rule=rule, timezone=timezone, anchor=at("2011-12-28T02:30"))

    for slot in series.upcoming(None, 300):
        assert series.recomputed(slot) == slot
