"""The grammar against a second opinion without shared code: a walk over days, by Python's own zones."""

import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from tests.quick_add.saying import codes, said

ZONES = [
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "Pacific/Kiritimati",
    "Africa/Cairo",
]
WEEKDAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
DAY = timedelta(days=1)


def moments(seed: int, number: int) -> Iterator[tuple[datetime, str, random.Random]]:
    """Some of them on the days around a change of clocks, and at the ends of months."""
    dice = random.Random(seed)
    changes = [date(2026, 3, 28), date(2026, 10, 24), date(2026, 3, 7), date(2026, 4, 4), date(2026, 4, 23)]
    for _ in range(number):
        zone = dice.choice(ZONES)
        day = dice.choice(changes) if dice.random() < 0.3 else date(2026, 1, 1) + dice.randrange(1200) * DAY
        local = datetime.combine(day, time(dice.randrange(24), dice.randrange(60)), tzinfo=ZoneInfo(zone))
        yield local.astimezone(UTC), zone, dice


def shown(instant: datetime, zone: str) -> datetime:
    return instant.astimezone(ZoneInfo(zone))


def first_with(now: datetime, zone: str, at: time, days: Iterator[date]) -> datetime | None:
    """The first instant after now at this time on one of these days; None where the clocks skip the first."""
    for day in days:
        local = datetime.combine(day, at, tzinfo=ZoneInfo(zone))
        instant = local.astimezone(UTC)
        if instant.astimezone(ZoneInfo(zone)).replace(tzinfo=None) != local.replace(tzinfo=None):
            if local.replace(tzinfo=None) > shown(now, zone).replace(tzinfo=None):
                return None
        elif instant > now:
            return instant
    raise AssertionError("There is always one.")


def from_today(now: datetime, zone: str) -> Iterator[date]:
    day = shown(now, zone).date()
    while True:
        yield day
        day += DAY


def check(text: str, now: datetime, zone: str, expected: datetime | None, field: str = "due_at") -> None:
    understood = said(text, now.isoformat(), zone)
    if expected is None:
        assert codes(understood) == ["no_such_time"], (text, now, zone)
    elif codes(understood) != ["which_day"]:  # today's own weekday or number, and the hour that comes twice
        assert understood.fields[field] == expected, (text, now, zone)


def test_times_without_a_day() -> None:
    asked = 0
    for now, zone, dice in moments(1, 300):
        at = time(dice.randrange(24), dice.choice([0, 15, 30]))
        check(f"call bob at {at:%H:%M}", now, zone, first_with(now, zone, at, from_today(now, zone)))
        asked += bool(said(f"call bob at {at:%H:%M}", now.isoformat(), zone).questions)
    assert asked < 20


def test_weekdays() -> None:
    for now, zone, dice in moments(2, 300):
        weekday, at = dice.randrange(7), time(dice.randrange(24), 30)
        today = shown(now, zone).date()
        days = (day for day in from_today(now, zone) if day.weekday() == weekday and day > today)
        text = f"call bob on {WEEKDAYS[weekday]} at {at:%H:%M}"
        if weekday == today.weekday():
            assert codes(said(text, now.isoformat(), zone)) == ["which_day"]
        else:
            check(text, now, zone, first_with(now, zone, at, days))


def test_weekly_series() -> None:
    for now, zone, dice in moments(3, 200):
        chosen, at = sorted(dice.sample(range(7), 2)), time(dice.randrange(24), 30)
        days = (day for day in from_today(now, zone) if day.weekday() in chosen)
        names = " and ".join(WEEKDAYS[weekday] for weekday in chosen)
        check(f"gym every {names} at {at:%H:%M}", now, zone, first_with(now, zone, at, days))


def test_monthly_series_and_ordinals() -> None:
    for now, zone, dice in moments(4, 300):
        number, at = dice.randint(1, 31), time(dice.randrange(24), 30)
        days = (day for day in from_today(now, zone) if day.day == number)
        check(f"rent every month on the {number}th at {at:%H:%M}", now, zone, first_with(now, zone, at, days))
        today = shown(now, zone).date()
        ahead = (day for day in from_today(now, zone) if day.day == number and day > today)
        if number != today.day:
            check(f"rent on the {number}th at {at:%H:%M}", now, zone, first_with(now, zone, at, ahead))


def test_last_days_of_months() -> None:
    def is_last(day: date) -> bool:
        return (day + 7 * DAY).month != day.month

    for now, zone, dice in moments(5, 150):
        weekday, at = dice.randrange(7), time(dice.randrange(24), 30)
        days = (day for day in from_today(now, zone) if day.weekday() == weekday and is_last(day))
        text = f"drinks every last {WEEKDAYS[weekday]} at {at:%H:%M}"
        check(text, now, zone, first_with(now, zone, at, days))


@pytest.mark.parametrize("unit", ["minutes", "hours"])
def test_exact_amounts(unit: str) -> None:
    for now, zone, dice in moments(6, 150):
        number = dice.randint(1, 99)
        check(f"call bob in {number} {unit}", now, zone, now + timedelta(**{unit: number}))


@pytest.mark.parametrize(("unit", "days"), [("days", 1), ("weeks", 7)])
def test_amounts_of_days(unit: str, days: int) -> None:
    for now, zone, dice in moments(7, 150):
        number = dice.randint(1, 60)
        understood = said(f"call bob in {number} {unit}", now.isoformat(), zone)
        assert understood.fields["due_date"] == shown(now, zone).date() + number * days * DAY


def test_amounts_of_months_end_with_the_month() -> None:
    for now, zone, dice in moments(8, 200):
        number, day = dice.randint(1, 30), shown(now, zone).date()
        later = day
        while (later.year * 12 + later.month) - (day.year * 12 + day.month) < number:
            later += DAY
        while later.day < day.day and (later + DAY).month == later.month:
            later += DAY
        assert said(f"call bob in {number} months", now.isoformat(), zone).fields["due_date"] == later
