"""What the wall clock of a zone shows at an instant, and where it skips or repeats time.

Local times are naive; instants are aware, in UTC and on a whole minute. Where an offset has seconds (none
since 1972), an instant is the first whole minute at which the clock shows the local time. They import
nothing of the project but zones and zone_changes.
"""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from recurrence.zone_changes import SECOND, Change, changes
from recurrence.zones import FIRST, LAST, known

MINUTE = timedelta(minutes=1)
NO_GAP = timedelta(0)


def whole_minute(instant: datetime) -> datetime:
    """The UTC minute in which an aware instant lies; the first or last there is when UTC has no such year.

    Raises ValueError for a naive datetime.
    """
    if instant.tzinfo is UTC and instant.second == instant.microsecond == 0:
        return instant
    if instant.tzinfo is None:
        raise ValueError(f"An instant needs a UTC offset, and {instant.isoformat()} has none.")
    try:
        return instant.astimezone(UTC).replace(second=0, microsecond=0)
    except OverflowError:
        return FIRST if instant.year == FIRST.year else LAST


def instant_at(local: datetime, offset: timedelta) -> datetime:
    """The instant at which a clock with this offset shows the local minute.

    Raises OverflowError when UTC has no such year.
    """
    exact = (local - offset).replace(tzinfo=UTC)
    return exact if exact.second == 0 else exact.replace(second=0) + MINUTE


def shown(instant: datetime, tz: ZoneInfo) -> datetime:
    """What the clock shows, aware; the first or last time there is when it would show another year."""
    try:
        return instant.astimezone(tz)
    except OverflowError:
        return instant.replace(tzinfo=tz)


def wall_time(instant: datetime, tz: ZoneInfo) -> datetime:
    """The local minute the clock shows."""
    return shown(instant, tz).replace(tzinfo=None, second=0, microsecond=0, fold=0)


def latest_time(instant: datetime, tz: ZoneInfo) -> datetime:
    """The latest local time the clock has shown: what it shows, or in a second pass the end of the first."""
    clock = shown(instant, tz)
    local = clock.replace(tzinfo=None, second=0, microsecond=0, fold=0)
    change = change_at(local, tz) if clock.fold else None
    return change.end - SECOND if change else local


def offsets_of(local: datetime, tz: ZoneInfo) -> tuple[timedelta, timedelta]:
    """The UTC offsets before and after the change that skips or repeats a local time, or one offset twice."""
    clock = local.replace(tzinfo=tz)
    return known(clock.utcoffset()), known(clock.replace(fold=1).utcoffset())


def change_at(local: datetime, tz: ZoneInfo) -> Change | None:
    """The change that skips or repeats this local time; None for a time that happens once."""
    before, after = offsets_of(local, tz)
    if before == after:
        return None
    earliest, latest = (
        (local - max(before, after)).replace(tzinfo=UTC),
        (local - min(before, after)).replace(tzinfo=UTC),
    )
    return next(changes(tz, earliest, latest))
