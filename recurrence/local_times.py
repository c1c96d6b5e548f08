"""The instants of local times and days, outside any rule."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from recurrence.calendars import DAY
from recurrence.wall_clock import NO_GAP, change_at, instant_at, offsets_of, wall_time, whole_minute
from recurrence.zone_changes import SECOND
from recurrence.zones import zone

LONGEST_GAP = timedelta(hours=3)
"""What is longer is no daylight saving but a change of the calendar."""


def instant_of(local: datetime, timezone: str) -> datetime | None:
    """The instant of a naive local time, to the minute, as a named rule reads it (RFC 5545, 3.3.5).

    In a gap with the offset before it, in a fold at the first pass. None when a gap of more than 3 hours
    skips it, or when it lies outside the years 1 to 9999 in UTC. Raises RuleError (bad_timezone), and
    ValueError for an aware one.
    """
    return shifted_instant(local_minute(local), zone(timezone))


def local_of(instant: datetime, timezone: str, usual: time | None = None) -> datetime:
    """The local minute of an aware instant, naive.

    `usual` is the time of day that was asked for: the answer has it where a gap moved it to this instant, so
    that 02:30 is still 02:30 on the day when clocks showed 03:30. Raises RuleError (bad_timezone), and
    ValueError for a naive instant.
    """
    instant, tz = whole_minute(instant), zone(timezone)
    shown = wall_time(instant, tz)
    if usual is None or shown.time() == usual or shown.date() == date.min:
        return shown
    # A gap at the end of a day moves its last hour into the next day.
    asked = (datetime.combine(day, usual) for day in (shown.date(), shown.date() - DAY))
    return next((local for local in asked if shifted_instant(local, tz) == instant), shown)


def local_minute(local: datetime) -> datetime:
    if local.tzinfo is not None:
        raise ValueError(f"A local time has no UTC offset, and {local.isoformat()} has one.")
    return local.replace(second=0, microsecond=0, fold=0)


def end_of_local_day(day: date, timezone: str) -> datetime:
    """The last second of a local day, as an instant: what `until` means when only a date is given.

    Raises RuleError (bad_timezone).
    """
    tz = zone(timezone)
    try:
        midnight = datetime(day.year, day.month, day.day) + DAY  # noqa: DTZ001 - local
        change = change_at(midnight, tz)
        if change is not None and change.gap > NO_GAP:
            return change.at - SECOND
        # In a fold over midnight the day ends with the second pass.
        return instant_at(midnight, offsets_of(midnight, tz)[1]) - SECOND
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC, microsecond=0)


def last_minute_of(day: date, timezone: str) -> datetime | None:
    """When an all-day task of this local day is due: 23:59, in its second pass where there are two.

    Where a gap skips 23:59 it is the minute before the gap. None for a day that the zone does not have.
    Raises RuleError (bad_timezone).
    """
    return last_minute(day, zone(timezone))


def shifted_instant(local: datetime, tz: ZoneInfo) -> datetime | None:
    """RFC 5545, 3.3.5: read with the offset before a gap, or at the first pass of a fold.

    None for what a gap of more than 3 hours skips, and for what lies outside the years 1 to 9999 in UTC.
    """
    before, after = offsets_of(local, tz)
    if after - before > LONGEST_GAP:
        return None
    try:
        return instant_at(local, before)
    except OverflowError:
        return None


def last_minute(day: date, tz: ZoneInfo) -> datetime | None:
    """The instant of 23:59, in its second pass where there are two, or the minute before a gap that skips it.

    None for a day that the zone does not have, or that lies outside the years 1 to 9999 in UTC.
    """
    midnight = datetime(day.year, day.month, day.day)  # noqa: DTZ001 - local
    local = midnight.replace(hour=23, minute=59)
    change = change_at(local, tz)
    try:
        if change is None or change.gap < NO_GAP:
            return instant_at(local, offsets_of(local, tz)[1])
    except OverflowError:
        return None
    return None if change.first <= midnight else (change.at - SECOND).replace(second=0)
