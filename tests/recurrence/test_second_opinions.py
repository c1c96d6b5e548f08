"""The same answers from other libraries, where they are right: rrule in wall time, cronsim without DST."""

from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim, CronSimError
from dateutil.rrule import DAILY, FR, MO, MONTHLY, TH, TU, WE, WEEKLY, rrule, rrulestr
from hypothesis import given, settings
from hypothesis import strategies as st

from recurrence.cron_syntax import FIELDS, Field
from recurrence.rules import Series
from tests.recurrence.rrule_rules import rules
from tests.recurrence.rrule_walk import parts_of

ZONES = [
    "UTC",
    "America/New_York",
    "Europe/London",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "America/Santiago",
    "Africa/Casablanca",
    "Antarctica/Troll",
    "Asia/Kathmandu",
]
ANCHORS = ["2010-01-31T02:30", "2011-05-28T00:00", "2008-02-29T23:45"]


def wall_times(rule: str, anchor: datetime) -> rrule:
    match rule:
        case "daily":
            return rrule(DAILY, dtstart=anchor)
        case "weekly":
            return rrule(WEEKLY, dtstart=anchor)
        case "weekdays":
            return rrule(WEEKLY, dtstart=anchor, byweekday=(MO, TU, WE, TH, FR))
        case _:
            # The last of the days from the 28th to the anchor's: the clamp rrule itself does not have.
            days = range(min(anchor.day, 28), anchor.day + 1)
            return rrule(MONTHLY, dtstart=anchor, bymonthday=days, bysetpos=-1)


def rrule_slots(rule: str, anchor: datetime, zone: str, count: int) -> list[datetime]:
    """zoneinfo itself reads a skipped time with the offset before, a repeated one at the first pass."""
    tz = ZoneInfo(zone)
    slots = []
    for wall in wall_times(rule, anchor):
        instant = wall.replace(tzinfo=tz).astimezone(UTC)
        if instant.astimezone(tz).replace(tzinfo=None) - wall <= timedelta(hours=3):
            slots.append(instant)
        if len(slots) == count:
            break
    return slots


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize(
    ("rule", "count"), [("daily", 400), ("weekly", 60), ("monthly", 40), ("weekdays", 300)]
)
@pytest.mark.parametrize("anchor", ANCHORS)
def test_rrule_agrees_on_named_rules(anchor: str, rule: str, count: int, zone: str) -> None:
    start = datetime.fromisoformat(anchor)

    assert Series(rule=rule, timezone=zone, anchor=start).upcoming(None, count) == rrule_slots(
        rule, start, zone, count
    )


def items(field: Field) -> st.SearchStrategy[str]:
    value = st.integers(field.low, field.high)
    pair = (
        st.tuples(value, value)
        .filter(lambda ends: ends[0] < ends[1])
        .map(lambda ends: f"{ends[0]}-{ends[1]}")
    )
    step = st.integers(1, field.high)
    return st.one_of(value.map(str), pair, st.tuples(pair, step).map(lambda both: f"{both[0]}/{both[1]}"))


def field_texts(field: Field) -> st.SearchStrategy[str]:
    every = st.integers(1, field.high).map(lambda step: f"*/{step}")
    listed = st.lists(items(field), min_size=1, max_size=3).map(",".join)
    return st.one_of(st.just("*"), every, listed)


expressions = st.tuples(*map(field_texts, FIELDS)).map(" ".join).filter(lambda text: len(text) <= 95)
starts = st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)).map(  # noqa: DTZ001 - local
    lambda moment: moment.replace(second=0, microsecond=0)
)


briefly = settings(derandomize=True, deadline=None, database=None, max_examples=150)
at_length = settings(derandomize=True, deadline=None, database=None, max_examples=20_000)


@briefly
@given(expression=expressions, start=starts)
def test_cronsim_agrees_where_clocks_do_not_change(expression: str, start: datetime) -> None:
    ask_cronsim(expression, start)


@pytest.mark.fuzz
@at_length
@given(expression=expressions, start=starts)
def test_cronsim_agrees_at_length(expression: str, start: datetime) -> None:
    ask_cronsim(expression, start)


def ask_cronsim(expression: str, start: datetime) -> None:
    series = Series(rule=f"cron:{expression}", timezone="UTC", anchor=start)

    ours = [slot.replace(tzinfo=None) for slot in series.upcoming(start.replace(tzinfo=UTC), 4)]

    # cronsim looks 50 years ahead, and an end to ours means 10 years without a match.
    horizon = ours[-1] if ours else start
    theirs = cronsim_slots(expression, start)
    assert ours == theirs[: len(ours)]
    if len(ours) < 4:
        assert len(theirs) == len(ours) or theirs[len(ours)].year - horizon.year > 10


def cronsim_slots(expression: str, start: datetime) -> list[datetime]:
    try:
        return list(islice(CronSim(expression, start), 4))
    except CronSimError:  # of days that no month has, such as the 30th of February
        return []


@pytest.mark.parametrize("expression", ["* * 30 2 *", "0 9 31 4,6 *"])
def test_days_that_no_month_has_never_come(expression: str) -> None:
    ask_cronsim(expression, datetime(2020, 1, 1))  # noqa: DTZ001 - local
    assert cronsim_slots(expression, datetime(2020, 1, 1)) == []  # noqa: DTZ001 - local


@briefly
@given(rule=rules(), start=starts)
def test_dateutil_agrees_on_calendar_rules(rule: str, start: datetime) -> None:
    ask_dateutil(rule, start)


@pytest.mark.fuzz
@at_length
@given(rule=rules(), start=starts)
def test_dateutil_agrees_at_length(rule: str, start: datetime) -> None:
    ask_dateutil(rule, start)


def ask_dateutil(rule: str, start: datetime) -> None:
    """Where it is right, and not too slow: what comes within 12 years.

    It takes plain and numbered weekdays for an intersection (RFC 5545 lists them: a union). And of the first
    week it counts BYSETPOS from the anchor on, where the RFC counts the whole week.
    """
    parts = parts_of(rule)
    if len({item[0] in "+-012345" for item in parts.get("BYDAY", "MO").split(",")}) == 2:
        return
    first = start
    if parts["FREQ"] == "WEEKLY" and "BYSETPOS" in parts:
        first = start + timedelta(days=7)
        if parts.pop("COUNT", None):
            rule = "rrule:" + ";".join(f"{name}={value}" for name, value in parts.items())
    series = Series(rule=rule, timezone="UTC", anchor=start)
    ours = [slot.replace(tzinfo=None) for slot in series.upcoming(None, 6)]
    ours = [slot for slot in ours if first <= slot < start + timedelta(days=12 * 365)]
    if ours:
        theirs = (slot for slot in rrulestr(rule, dtstart=start) if slot >= first)
        assert list(islice(theirs, len(ours))) == ours
