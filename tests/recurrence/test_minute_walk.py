"""Cron across changes of the clock, against a walk over every minute: Debian's cron(8), written down naively.

Each zone is walked from some hours before a change to some hours after it. A rule comes with the same thing
said in Python, so that the walk shares no code with what it checks.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from recurrence.rules import Series

MINUTE = timedelta(minutes=1)
LONGEST_GAP = timedelta(hours=3)

CHANGES = [
    ("America/New_York", "2025-03-09T07:00Z"),
    ("America/New_York", "2025-11-02T06:00Z"),
    ("Australia/Lord_Howe", "2025-10-04T15:30Z"),
    ("Australia/Lord_Howe", "2025-04-05T15:00Z"),
    ("Antarctica/Troll", "2025-03-30T01:00Z"),
    ("Antarctica/Troll", "2025-10-26T01:00Z"),
    ("Antarctica/Casey", "2009-10-17T18:00Z"),
    ("Antarctica/Casey", "2010-03-04T15:00Z"),
    ("America/Santiago", "2025-09-07T04:00Z"),
    ("Africa/Cairo", "2025-10-30T21:00Z"),
    ("America/St_Johns", "2010-11-07T02:31Z"),
    ("Pacific/Apia", "2011-12-30T10:00Z"),
    ("Pacific/Kwajalein", "1993-08-21T12:00Z"),
]

Said = Callable[[datetime], bool]
FIXED: dict[str, Said] = {
    "30 2 * * *": lambda t: (t.hour, t.minute) == (2, 30),
    "0,30 0-3 * * *": lambda t: t.hour <= 3 and t.minute in (0, 30),
    "15,45 1,2,3,23 * * *": lambda t: t.hour in (1, 2, 3, 23) and t.minute in (15, 45),
    "0 0,1 * * 0,6,7": lambda t: t.minute == 0 and t.hour in (0, 1) and t.isoweekday() >= 6,
    "0-59 0-23 * * *": lambda _: True,
    "20 0-23 30 * MON": lambda t: t.minute == 20 and (t.day == 30 or t.isoweekday() == 1),
}
WILDCARD: dict[str, Said] = {
    "* * * * *": lambda _: True,
    "10 * * * *": lambda t: t.minute == 10,
    "*/15 2 * * *": lambda t: t.hour == 2 and t.minute % 15 == 0,
    "0 */2 * * *": lambda t: t.minute == 0 and t.hour % 2 == 0,
    "*/30 1,23 * * */2": lambda t: t.minute % 30 == 0 and t.hour in (1, 23) and t.isoweekday() % 7 % 2 == 0,
}


@cache
def minutes_around(zone: str, change: str) -> list[tuple[datetime, datetime]]:
    """(instant, what the clock shows), minute by minute."""
    tz, middle = ZoneInfo(zone), datetime.fromisoformat(change)
    first = middle - timedelta(hours=27, minutes=7)
    instants = (first + number * MINUTE for number in range(54 * 60))
    return [(instant, instant.astimezone(tz).replace(tzinfo=None, fold=0)) for instant in instants]


def walk_wildcard(zone: str, change: str, said: Said) -> Iterator[datetime]:
    for instant, local in minutes_around(zone, change):
        if said(local):
            yield instant


def walk_fixed(zone: str, change: str, said: Said) -> Iterator[datetime]:
    """Run what the clock jumps over, unless it jumps too far, and nothing it shows again."""
    latest = minutes_around(zone, change)[0][1] - MINUTE
    for instant, local in minutes_around(zone, change):
        jump = local - latest - MINUTE
        passed = range(1, jump // MINUTE + 1) if jump <= LONGEST_GAP else ()
        if local > latest and (said(local) or any(said(latest + step * MINUTE) for step in passed)):
            yield instant
        latest = max(latest, local)


def check_against(slots: list[datetime], expression: str, zone: str, change: str) -> None:
    walked = minutes_around(zone, change)
    start, end, middle = walked[0][0], walked[-1][0], datetime.fromisoformat(change)
    series = Series(rule=f"cron:{expression}", timezone=zone, anchor=walked[0][1], until=end)

    assert series.catch_up(None, end, "skip").missed == len(slots)
    for minutes in (-1500, -61, -1, 0, 29, 60, 121, 1000):
        instant = middle + minutes * MINUTE
        later = [slot for slot in slots if slot > instant]
        assert series.upcoming(instant, 2) == later[:2]
        assert series.catch_up(instant, end, "skip").missed == len(later)
        assert series.catch_up(start - MINUTE, instant, "skip").missed == len(slots) - len(later)
    assert (
        series.catch_up(None, middle + 90 * MINUTE, "all", limit=3).slots
        == [slot for slot in slots if slot <= middle + 90 * MINUTE][-3:]
    )


@pytest.mark.parametrize(("zone", "change"), CHANGES)
@pytest.mark.parametrize("expression", FIXED)
def test_fixed_times(expression: str, zone: str, change: str) -> None:
    check_against(list(walk_fixed(zone, change, FIXED[expression])), expression, zone, change)


@pytest.mark.parametrize(("zone", "change"), CHANGES)
@pytest.mark.parametrize("expression", WILDCARD)
def test_wildcards(expression: str, zone: str, change: str) -> None:
    check_against(list(walk_wildcard(zone, change, WILDCARD[expression])), expression, zone, change)


@pytest.mark.parametrize(("zone", "change"), CHANGES)
def test_each_walk_meets_a_change(zone: str, change: str) -> None:
    """Else the others would compare days on which nothing happens."""
    walked = minutes_around(zone, change)
    middle = datetime.fromisoformat(change)

    assert walked[0][0].tzinfo is UTC
    jumps = [later for (_, local), (later, then) in pairwise(walked) if then - local != MINUTE]
    assert jumps == [middle]
