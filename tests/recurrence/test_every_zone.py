"""Every kind of rule in every zone, 1970 to 2100, against a walk over every minute round a change of offset.

The walk says what each reading means, naively. It shares no code with the engine, which only lists the
changes to walk round. At length: `./todo test -m fuzz tests/recurrence/test_every_zone.py`.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recurrence.rules import Series
from recurrence.zone_changes import changes
from tests.recurrence.rrule_rules import rules
from tests.recurrence.rrule_walk import matches

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
LONGEST_GAP = timedelta(hours=3)
ZONES = sorted(available_timezones() - {"Factory", "localtime"})
BEGIN, END = datetime(1970, 1, 2, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)

Walk = list[tuple[datetime, datetime]]
Said = Callable[[date], bool]


@lru_cache(maxsize=16)
def minutes_around(zone: str, middle: datetime) -> Walk:
    """(instant, what the clock shows) for 54 hours, minute by minute."""
    tz, first = ZoneInfo(zone), middle.replace(second=0) - timedelta(hours=27)
    instants = [first + number * MINUTE for number in range(54 * 60)]
    return [(instant, instant.astimezone(tz).replace(tzinfo=None, second=0, fold=0)) for instant in instants]


def shown_first(walk: Walk) -> Iterator[tuple[datetime, datetime, bool]]:
    """Each local time once: (local time, instant, whether a gap skips it).

    One that is skipped has the instant it would have had without the gap.
    """
    before, latest = walk[0][0] - MINUTE, walk[0][1] - MINUTE
    for instant, local in walk:
        if local - latest <= LONGEST_GAP + MINUTE:
            for step in range(1, (local - latest) // MINUTE):
                yield latest + step * MINUTE, before + step * MINUTE, True
        if local > latest:
            yield local, instant, False
            latest = local
        before = instant


def walk_named(walk: Walk, said: Said, anchor: datetime) -> list[datetime]:
    slots = (at for local, at, _ in shown_first(walk) if local.time() == anchor.time() and said(local.date()))
    return sorted(slots)


def walk_all_day(walk: Walk, said: Said) -> list[datetime]:
    last = {local.date(): instant for instant, local in walk}
    return sorted(instant for day, instant in last.items() if said(day))


def walk_fixed(walk: Walk, said: Said, times: set[tuple[int, int]]) -> list[datetime]:
    found = set()
    skipped = False
    for local, instant, is_skipped in shown_first(walk):
        runs = (local.hour, local.minute) in times and said(local.date())
        skipped = (skipped or runs) if is_skipped else skipped
        if not is_skipped:
            if runs or skipped:
                found.add(instant)
            skipped = False
    return sorted(found)


def walk_wildcard(walk: Walk, said: Said, times: set[tuple[int, int]]) -> list[datetime]:
    return [at for at, local in walk if (local.hour, local.minute) in times and said(local.date())]


@st.composite
def places(draw: st.DrawFn) -> tuple[str, datetime]:
    """A zone, and an instant: one of its changes where it has any, else any."""
    zone = draw(st.sampled_from(ZONES))
    year = draw(st.integers(1970, 2099))
    begin = max(BEGIN, datetime(year, 1, 1, tzinfo=UTC))
    found = [change.at for change in changes(ZoneInfo(zone), begin, min(begin + 40 * 365 * DAY, END))]
    anywhere = st.integers(0, 365 * 24 * 60).map(lambda minutes: begin + minutes * MINUTE)
    return zone, draw(st.sampled_from(found[:4]) if found and draw(st.integers(0, 9)) else anywhere)


def check(series: Series, slots: list[datetime], walk: Walk) -> None:
    """What follows each quarter of the walk, and how many came up; its last day is not all in it."""
    first, end = walk[0][0], walk[-1][0] - DAY
    slots = [slot for slot in slots if first < slot <= end]
    for after in (first, *slots[:3], first + (end - first) / 2, end):
        later = [slot for slot in slots if slot > after]
        upcoming = series.upcoming(after, len(later) + 1)
        assert upcoming[: len(later)] == later
        assert len(upcoming) == len(later) or upcoming[-1] > end
        assert series.catch_up(after, end, "skip").missed == len(later)
    assert series.catch_up(first, end, "latest").slots == slots[-1:]


def check_days(rule: str, anchor: datetime, said: Said, place: tuple[str, datetime]) -> None:
    """As a timed and as an all-day series."""
    zone, middle = place
    walk = minutes_around(zone, middle)
    check(Series(rule=rule, timezone=zone, anchor=anchor), walk_named(walk, said, anchor), walk)
    all_day = Series(rule=rule, timezone=zone, anchor=anchor, all_day=True)
    check(all_day, walk_all_day(walk, said), walk)


def check_rrule(rule: str, days: int, minute: int, place: tuple[str, datetime]) -> None:
    first = minutes_around(*place)[0][1]
    anchor = (first - days * DAY).replace(hour=minute // 60, minute=minute % 60)
    parts = rule.removeprefix("rrule:").split(";")
    rule = "rrule:" + ";".join(part for part in parts if "COUNT" not in part)
    check_days(rule, anchor, lambda day: day >= anchor.date() and matches(rule, anchor.date(), day), place)


def check_named(rule: str, days: int, minute: int, place: tuple[str, datetime]) -> None:
    first = minutes_around(*place)[0][1]
    anchor = (first - days * DAY).replace(hour=minute // 60, minute=minute % 60)

    def said(day: date) -> bool:
        match rule:
            case "daily":
                return True
            case "weekly":
                return day.weekday() == anchor.weekday()
            case "weekdays":
                return day.weekday() < 5
            case _:
                return day.day == anchor.day or (day.day < anchor.day and (day + DAY).day == 1)

    check_days(rule, anchor, said, place)


def check_cron(
    wild: bool, hours: set[int], minutes: set[int], weekdays: set[int], place: tuple[str, datetime]
) -> None:
    """Its text is made of the sets, so that nothing has to read it but the engine."""
    zone, middle = place
    walk = minutes_around(zone, middle)
    hours = set(range(24)) if wild else hours
    texts = [",".join(map(str, sorted(numbers))) for numbers in (minutes, hours, weekdays)]
    rule = f"cron:{texts[0]} {'*' if wild else texts[1]} * * {texts[2]}"
    times = {(hour, minute) for hour in hours for minute in minutes}
    slots = (walk_wildcard if wild else walk_fixed)(walk, lambda day: day.isoweekday() % 7 in weekdays, times)
    check(Series(rule=rule, timezone=zone, anchor=walk[0][1] - 9 * DAY), slots, walk)


minute_of_day = st.one_of(st.integers(0, 1439), st.integers(0, 240), st.integers(1380, 1439))
weekday_sets = st.one_of(st.just(set(range(7))), st.sets(st.integers(0, 6), min_size=1))
minute_sets = st.sets(st.integers(0, 59), min_size=1, max_size=4)
named = st.tuples(
    st.sampled_from(["daily", "weekly", "weekdays", "monthly"]), st.integers(5, 400), minute_of_day, places()
)
calendar = st.tuples(rules(), st.integers(5, 800), minute_of_day, places())
cron = st.tuples(st.booleans(), st.sets(st.integers(0, 23), min_size=1), minute_sets, weekday_sets, places())

briefly = settings(derandomize=True, deadline=None, database=None, max_examples=25)
at_length = settings(derandomize=True, deadline=None, database=None, max_examples=4000)


@briefly
@given(named)
def test_named_rules(asked: tuple[str, int, int, tuple[str, datetime]]) -> None:
    check_named(*asked)


@briefly
@given(calendar)
def test_calendar_rules(asked: tuple[str, int, int, tuple[str, datetime]]) -> None:
    check_rrule(*asked)


@briefly
@given(cron)
def test_cron_rules(asked: tuple[bool, set[int], set[int], set[int], tuple[str, datetime]]) -> None:
    check_cron(*asked)


@pytest.mark.fuzz
class TestAtLength:
    @at_length
    @given(named)
    def test_named_rules(self, asked: tuple[str, int, int, tuple[str, datetime]]) -> None:
        check_named(*asked)

    @at_length
    @given(calendar)
    def test_calendar_rules(self, asked: tuple[str, int, int, tuple[str, datetime]]) -> None:
        check_rrule(*asked)

    @at_length
    @given(cron)
    def test_cron_rules(self, asked: tuple[bool, set[int], set[int], set[int], tuple[str, datetime]]) -> None:
        check_cron(*asked)
