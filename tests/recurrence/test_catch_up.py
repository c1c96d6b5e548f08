"""After downtime: which missed slots are made up for, how many there were, and what comes next."""

from datetime import datetime, timedelta

import pytest

from recurrence.rules import Policy, Series

at = datetime.fromisoformat
DAILY = Series(rule="daily", timezone="America/New_York", anchor=at("2026-01-01T09:00"))


def test_all_is_bounded_and_the_newest_are_kept_oldest_first() -> None:
    answer = DAILY.catch_up(at("2026-03-01T12:00Z"), at("2026-06-13T15:00Z"), "all")

    assert answer.missed == 105
    assert len(answer.slots) == 31
    assert answer.slots[0] == at("2026-05-14T09:00-04:00")
    assert answer.slots[-1] == at("2026-06-13T09:00-04:00")


def test_the_bound_is_the_callers() -> None:
    answer = DAILY.catch_up(at("2026-06-01T00:00Z"), at("2026-06-13T15:00Z"), "all", limit=2)

    assert answer.slots == [at("2026-06-12T09:00-04:00"), at("2026-06-13T09:00-04:00")]
    assert DAILY.catch_up(at("2026-06-01T00:00Z"), at("2026-06-13T15:00Z"), "all", limit=0).slots == []


@pytest.mark.parametrize(("policy", "made_up_for"), [("latest", 1), ("all", 3), ("skip", 0)])
def test_without_a_last_slot_everything_since_the_anchor_was_missed(policy: Policy, made_up_for: int) -> None:
    answer = DAILY.catch_up(None, at("2026-01-03T14:00Z"), policy)

    assert (answer.missed, len(answer.slots)) == (3, made_up_for)
    assert answer.next == at("2026-01-04T14:00Z")


def test_the_last_slot_itself_was_not_missed_but_that_of_this_minute_was() -> None:
    answer = DAILY.catch_up(at("2026-06-10T09:00-04:00"), at("2026-06-11T09:00-04:00"), "all")

    assert answer.slots == [at("2026-06-11T09:00-04:00")]


def test_nothing_is_missed_before_the_anchor_or_in_no_time() -> None:
    for after, now in (
        (None, at("2025-12-31T00:00Z")),
        (at("2025-01-01T00:00Z"), at("2025-12-31T00:00Z")),
        (at("2026-06-10T00:00Z"), at("2026-06-10T00:00Z")),
        (at("2026-06-10T00:00Z"), at("2026-05-10T00:00Z")),
    ):
        answer = DAILY.catch_up(after, now, "all")
        assert (answer.slots, answer.missed) == ([], 0)


@pytest.mark.parametrize(
    ("rule", "now", "newest"),
    [
        ("weekdays", "2026-06-08T08:59Z", []),
        ("weekdays", "2026-06-08T09:00Z", ["2026-06-08T09:00Z"]),
        ("monthly", "2026-06-06T08:59Z", []),
        ("monthly", "2026-07-06T08:59Z", ["2026-06-06T09:00Z"]),
    ],
)
def test_the_newest_slot_is_none_before_the_first(rule: str, now: str, newest: list[str]) -> None:
    """The first of `weekdays` from a Saturday is the Monday."""
    series = Series(rule=rule, timezone="UTC", anchor=at("2026-06-06T09:00"))

    assert series.catch_up(None, at(now)).slots == [at(slot) for slot in newest]


def test_next_never_falls_back_behind_what_was_made_already() -> None:
    """A clock set back, or a template generated ahead: `after` is later than now."""
    answer = DAILY.catch_up(at("2026-06-10T09:00-04:00"), at("2026-06-08T00:00Z"))

    assert answer.next == at("2026-06-11T09:00-04:00")


def test_a_series_that_ended_meanwhile_is_made_up_for_and_has_no_next() -> None:
    series = Series(
        rule="daily", timezone="UTC", anchor=at("2026-06-01T09:00"), until=at("2026-06-05T09:00Z")
    )

    answer = series.catch_up(at("2026-06-03T09:00Z"), at("2027-01-01T00:00Z"), "all")

    assert answer.slots == [at("2026-06-04T09:00Z"), at("2026-06-05T09:00Z")]
    assert (answer.missed, answer.next) == (2, None)
    assert series.catch_up(at("2026-06-03T09:00Z"), at("2027-01-01T00:00Z")).slots == [
        at("2026-06-05T09:00Z")
    ]


def test_every_minute_of_a_year_with_its_repeated_hour_and_without_its_skipped_one() -> None:
    series = Series(rule="cron:* * * * *", timezone="America/New_York", anchor=at("2025-01-01T00:00"))

    answer = series.catch_up(at("2025-01-01T00:00-05:00"), at("2026-01-01T00:00-05:00"))

    assert answer.missed == 365 * 24 * 60
    assert answer.slots == [at("2026-01-01T00:00-05:00")]
    assert answer.next == at("2026-01-01T00:01-05:00")


def test_fixed_minutes_of_the_same_year_lose_both_hours() -> None:
    """60 minutes become one slot in March, and 60 come once instead of twice in November."""
    series = Series(rule="cron:0-59 0-23 * * *", timezone="America/New_York", anchor=at("2025-01-01T00:00"))

    answer = series.catch_up(at("2025-01-01T00:00-05:00"), at("2026-01-01T00:00-05:00"))

    assert answer.missed == 365 * 24 * 60 - 60


def test_in_a_gap_several_slots_are_one_and_the_one_after_it_is_the_same() -> None:
    before, after = at("2025-03-09T01:59-05:00"), at("2025-03-09T03:00-04:00")
    for hours, missed in (("2", 1), ("2,3", 1), ("3", 1), ("4", 0)):
        series = Series(
            rule=f"cron:0,30 {hours} * * *", timezone="America/New_York", anchor=at("2025-01-01T00:00")
        )
        answer = series.catch_up(before, after, "all")
        assert (answer.missed, answer.slots) == (missed, [after] * missed)


def test_a_skipped_time_that_is_still_to_come_was_not_missed() -> None:
    """02:30 is 03:30 on that day in New York."""
    series = Series(rule="daily", timezone="America/New_York", anchor=at("2025-03-01T02:30"))
    slot = at("2025-03-09T03:30-04:00")

    for minutes, missed in ((-30, 0), (-1, 0), (0, 1), (30, 1)):
        now = slot + timedelta(minutes=minutes)
        answer = series.catch_up(at("2025-03-08T02:30-05:00"), now, "all")
        assert (answer.missed, answer.slots) == (missed, [slot] * missed)


def test_the_day_apia_never_had_was_not_missed() -> None:
    for rule, missed in (("daily", 3), ("cron:0 9 * * *", 3), ("cron:0 */12 * * *", 5), ("weekdays", 1)):
        series = Series(rule=rule, timezone="Pacific/Apia", anchor=at("2011-12-01T09:00"))
        answer = series.catch_up(at("2011-12-29T00:00-10:00"), at("2012-01-01T23:00+14:00"), "all")
        assert answer.missed == missed == len(answer.slots)


def test_seconds_of_now_and_of_the_last_slot_change_nothing() -> None:
    exact = DAILY.catch_up(at("2026-06-10T13:00Z"), at("2026-06-12T13:00Z"), "all")
    late = DAILY.catch_up(at("2026-06-10T13:00:59.9Z"), at("2026-06-12T13:00:59.9Z"), "all")

    assert exact == late


@pytest.mark.parametrize(
    ("rule", "zone", "anchor", "slots"),
    [
        ("cron:0,30 2 * * *", "America/New_York", "2025-03-09T02:15", ["2025-03-09T03:00-04:00"]),
        ("cron:0,30 2 * * *", "America/New_York", "2025-03-09T02:45", []),
        ("cron:0 2,3 * * *", "America/New_York", "2025-03-09T02:45", ["2025-03-09T03:00-04:00"]),
        ("cron:0 */2 * * *", "America/New_York", "2025-03-09T02:00", ["2025-03-09T04:00-04:00"]),
        ("daily", "America/New_York", "2025-03-09T02:30", ["2025-03-09T03:30-04:00"]),
        ("daily", "Pacific/Apia", "2011-12-30T04:30", ["2011-12-31T04:30+14:00"]),
        (
            "cron:30 1,4 * * *",
            "Pacific/Apia",
            "2011-12-30T04:30",
            ["2011-12-31T01:30+14:00", "2011-12-31T04:30+14:00"],
        ),
    ],
)
def test_an_anchor_in_a_gap_is_counted_from_there(
    rule: str, zone: str, anchor: str, slots: list[str]
) -> None:
    series = Series(rule=rule, timezone=zone, anchor=at(anchor))
    now = at(slots[-1] if slots else "2025-03-09T04:30-04:00")

    for after in (None, now - timedelta(days=1), now - timedelta(days=30)):
        answer = series.catch_up(after, now, "all")
        assert answer.slots == [at(slot) for slot in slots]
        assert answer.missed == len(slots)
