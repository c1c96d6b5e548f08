"""What a series gives its occurrences, in every zone and around its changes of clocks."""

from copy import copy
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from recurrence.rules import Series, local_of
from tasks_app.models import Task
from tasks_app.series import derive_series, reminder_of
from tests.recurrence.rrule_rules import rules
from tests.recurrence.test_every_zone import places

DEFAULTS = {field.attname: field.get_default() for field in Task._meta.concrete_fields}
RULES = [
    "daily",
    "weekly",
    "monthly",
    "weekdays",
    "rrule:FREQ=DAILY;INTERVAL=2",
    "rrule:FREQ=WEEKLY;BYDAY=MO,SU",
]
LONGEST_GAP = timedelta(hours=3)

quickly = settings(derandomize=True, deadline=None, database=None, max_examples=40)
minutes = st.integers(-3 * 1440, 3 * 1440).map(lambda number: timedelta(minutes=number))


@st.composite
def heads(draw: st.DrawFn) -> Any:
    """The first task of a series, with a reminder: around a change of clocks, or anywhere."""
    zone, middle = draw(places())
    assume(middle.year > 1972)  # offsets had seconds
    due = middle.astimezone(UTC).replace(second=0, microsecond=0) + draw(minutes)
    task = SimpleNamespace(
        **DEFAULTS
        | {
            "timezone": zone,
            "due_at": due,
            "reminder_at": due - abs(draw(minutes)),
            "recurrence_rule": draw(st.sampled_from(RULES)),
        }
    )
    derive_series(task, None)
    return task


def slots_after(task: Any, number: int = 6) -> list[datetime]:
    series = Series(rule=task.recurrence_rule, timezone=task.timezone, anchor=task.anchor_local)
    return series.upcoming(task.occurrence_at, number)


def changed(task: Any, **fields: Any) -> Any:
    """The task after a write of these fields."""
    after = copy(task)
    vars(after).update(fields)
    derive_series(after, task)
    return after


def read(local: datetime, zone: ZoneInfo) -> datetime:
    """RFC 5545: in a gap with the offset before it, in a fold at the first pass. zoneinfo's own reading."""
    return local.replace(tzinfo=zone, fold=0).astimezone(UTC)


def day_of(slot: datetime, task: Any) -> date:
    """The local day that the rule gave the slot, which a gap may have moved over midnight."""
    zone = ZoneInfo(task.timezone)
    shown = slot.astimezone(zone).date()
    asked = [shown, shown - timedelta(days=1)]
    return next(day for day in asked if read(datetime.combine(day, task.anchor_local.time()), zone) == slot)


@quickly
@given(heads(), minutes)
def test_a_reminder_keeps_its_wall_clock_time_and_its_days(head: Any, move: timedelta) -> None:
    """Whatever becomes of the due date of the occurrence that is completed."""
    zone = ZoneInfo(head.timezone)
    local = head.reminder_at.astimezone(zone).replace(tzinfo=None, fold=0)
    days = local.date() - head.anchor_local.date()
    moved = changed(head, due_at=head.due_at + move)
    for slot in slots_after(head):
        wanted = datetime.combine(day_of(slot, head) + days, local.time())
        gap = wanted.replace(tzinfo=zone, fold=1).utcoffset() - wanted.replace(tzinfo=zone).utcoffset()
        if gap <= LONGEST_GAP:
            assert reminder_of(head, slot) == read(wanted, zone)
        assert reminder_of(moved, slot) == reminder_of(head, slot) is not None


@quickly
@given(heads(), st.integers(0, 5), st.sampled_from(RULES))
def test_a_new_rule_keeps_the_time_of_one_that_stands_at_it(head: Any, index: int, rule: str) -> None:
    assume(rule != head.recurrence_rule)
    slot = slots_after(head)[index]
    reminder = reminder_of(head, slot)
    own = {"occurrence_at": slot, "due_at": slot, "reminder_at": reminder}
    begun = changed(SimpleNamespace(**vars(head) | own), recurrence_rule=rule)
    assert begun.anchor_local == datetime.combine(day_of(slot, head), head.anchor_local.time())
    assert (begun.due_at, begun.occurrence_at, begun.reminder_at) == (slot, slot, reminder)
    assert begun.reminder_distance == head.reminder_distance


@quickly
@given(heads(), minutes)
def test_all_that_follow_keep_the_time_of_the_reminder(head: Any, move: timedelta) -> None:
    """Moved with all that follow, the reminder is at its time of the day, as many days from the new one."""
    assume(move)
    moved = changed(head, due_at=head.due_at + move, series_id=None)
    zone = ZoneInfo(head.timezone)
    local = head.reminder_at.astimezone(zone).replace(tzinfo=None, fold=0)
    wanted = local + (moved.anchor_local.date() - head.anchor_local.date())
    assume(wanted.replace(tzinfo=zone, fold=1).utcoffset() == wanted.replace(tzinfo=zone).utcoffset())
    assert moved.reminder_at == read(wanted, zone)


@quickly
@given(heads(), st.integers(-1000, 1000))
def test_the_first_due_date_is_the_anchor(head: Any, hours: int) -> None:
    undated = SimpleNamespace(**DEFAULTS | {"timezone": head.timezone, "recurrence_rule": "daily"})
    undated.created_at = head.due_at + timedelta(hours=hours)
    derive_series(undated, None)
    dated = changed(undated, due_at=head.due_at)
    assert (dated.anchor_local, dated.occurrence_at) == (head.anchor_local, head.occurrence_at)


@quickly
@given(rules(), st.dates(date(2020, 1, 1), date(2030, 12, 31)), st.integers(1, 20), st.data())
def test_what_is_left_of_a_count_are_the_days_that_were_left(
    rule: str, day: date, count: int, data: st.DataObject
) -> None:
    parts = [part for part in rule.split(";") if "COUNT=" not in part]
    assume(parts and parts[0].startswith("rrule:"))
    anchor = datetime.combine(day, datetime.min.time())
    whole = Series(rule=";".join([*parts, f"COUNT={count}"]), timezone="UTC", anchor=anchor)
    slots = whole.upcoming(None, count)
    assume(slots)
    index = data.draw(st.integers(0, len(slots) - 1))
    first = local_of(slots[index], "UTC")
    rest = Series(rule=whole.rule_from(first.date()), timezone="UTC", anchor=first)
    assert rest.upcoming(None, count) == slots[index:]
