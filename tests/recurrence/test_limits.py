"""At both ends of the calendar a series begins late or is over; nothing overflows."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from recurrence.rules import Series

at = datetime.fromisoformat
FIRST = datetime.min.replace(tzinfo=UTC)
LAST = datetime.max.replace(tzinfo=UTC)
RULES = [
    "daily",
    "weekly",
    "monthly",
    "weekdays",
    "cron:*/5 * * * *",
    "cron:0,30 0-23 * * *",
    "cron:0 9 29 2 *",
]
ZONES = ["UTC", "Asia/Tokyo", "America/New_York"]
# Instants of the years 0 and 10000, as far as UTC is concerned.
EARLIER = datetime.min.replace(tzinfo=timezone(timedelta(hours=14)))
LATER = datetime.max.replace(tzinfo=timezone(timedelta(hours=-12)))


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("anchor", ["0001-01-01T00:00", "2026-01-01T09:00", "9999-12-31T23:59"])
def test_every_question_has_an_answer(anchor: str, rule: str, zone: str) -> None:
    series = Series(rule=rule, timezone=zone, anchor=at(anchor))

    for instant in (None, EARLIER, FIRST, LAST, LATER):
        slot = series.next_after(instant)
        assert slot is None or instant is None or slot > instant
    assert series.next_after(LAST) is None
    assert series.next_after(LATER) is None
    assert series.upcoming(FIRST, 3) == series.upcoming(EARLIER, 3)
    if series.next_after(None) != FIRST:
        assert series.next_after(None) == series.next_after(FIRST)


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("rule", RULES)
def test_the_last_days_can_be_caught_up_with(rule: str, zone: str) -> None:
    series = Series(rule=rule, timezone=zone, anchor=at("9999-12-30T06:00"))

    answer = series.catch_up(at("9999-12-31T22:00Z"), LATER, "all", limit=100)

    assert answer.next is None
    assert answer.missed == len(answer.slots)
    assert answer.slots == series.upcoming(at("9999-12-31T22:00Z"), 100)


@pytest.mark.parametrize("rule", ["daily", "weekly", "monthly"])
def test_completing_in_the_last_year_creates_nothing_beyond_it(rule: str) -> None:
    series = Series(rule=rule, timezone="UTC", anchor=at("9999-12-31T09:00"))
    occurrence = at("9999-12-31T09:00Z")

    assert series.after_completion(occurrence, occurrence, "fixed") is None
    assert series.after_completion(occurrence, LAST, "after_completion") is None


def test_a_series_begins_in_the_year_1_and_ends_in_the_year_9999() -> None:
    first = Series(rule="daily", timezone="UTC", anchor=at("0001-01-01T09:00"))
    last = Series(rule="daily", timezone="UTC", anchor=at("9999-12-30T09:00"))

    assert first.upcoming(None, 2) == [at("0001-01-01T09:00Z"), at("0001-01-02T09:00Z")]
    assert last.upcoming(None, 5) == [at("9999-12-30T09:00Z"), at("9999-12-31T09:00Z")]
    assert last.upcoming(LAST, 5) == []


def test_a_local_time_without_an_instant_is_no_slot() -> None:
    """The first 9 hours of the year 1 in Tokyo, and the last 5 of the year 9999 in New York."""
    tokyo = Series(rule="daily", timezone="Asia/Tokyo", anchor=at("0001-01-01T00:00"))
    wildcard = Series(rule="cron:0 * * * *", timezone="Asia/Tokyo", anchor=at("0001-01-01T00:00"))
    new_york = Series(rule="daily", timezone="America/New_York", anchor=at("9999-12-30T22:00"))

    assert tokyo.next_after(None) == at("0001-01-01T14:42Z")
    assert wildcard.next_after(None) == at("0001-01-02T00:42Z")
    assert new_york.upcoming(None, 5) == [at("9999-12-31T03:00Z")]


def test_an_end_beyond_utc_is_no_end() -> None:
    series = Series(rule="daily", timezone="UTC", anchor=at("2026-01-01T09:00"), until=LATER)

    assert series.next_after(at("2026-01-01T09:00Z")) == at("2026-01-02T09:00Z")


@pytest.mark.parametrize(
    ("expression", "after", "answer"),
    [
        ("0 9 29 2 *", "2096-03-01T00:00Z", "2104-02-29T09:00Z"),
        # 29 February on a Sunday: 2032, then 2060.
        ("0 9 29 2 */7", "2026-01-01T00:00Z", "2032-02-29T09:00Z"),
        ("0 9 29 2 */7", "2032-03-01T00:00Z", None),
        ("0 9 29 2 */7", "2050-03-01T00:00Z", "2060-02-29T09:00Z"),
        ("* 9 29 2 */7", "2032-03-01T00:00Z", None),
        ("0 9 30 2 *", "2026-01-01T00:00Z", None),
    ],
)
def test_what_does_not_match_within_ten_years_has_no_next(
    expression: str, after: str, answer: str | None
) -> None:
    series = Series(rule=f"cron:{expression}", timezone="UTC", anchor=at("2020-01-01T00:00"))

    assert series.next_after(at(after)) == (None if answer is None else at(answer))
