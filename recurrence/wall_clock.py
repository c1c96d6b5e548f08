"""What the wall clock of a zone shows at an instant, and where it skips or repeats time.

Local times are naive; instants are aware, in UTC and on a whole minute. Where an offset has seconds (none
since 1972), an instant is the first whole minute at which the clock shows the local time. A leaf: it
imports nothing of the project.
"""

from bisect import bisect_left
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
NO_GAP = timedelta(0)
# No change in the tz database is undone sooner; the shortest-lived was Freetown's of 1939, of 4 days.
PROBE = timedelta(days=3)
FIRST = datetime.min.replace(tzinfo=UTC)
LAST = datetime.max.replace(tzinfo=UTC, second=0, microsecond=0)


class Change(NamedTuple):
    """At the instant `at`, which may have seconds, clocks go from one UTC offset to another."""

    at: datetime
    before: timedelta
    after: timedelta

    @property
    def gap(self) -> timedelta:
        """How much local time is skipped; negative when it is repeated."""
        return self.after - self.before

    @property
    def first(self) -> datetime:
        """The first local time that is skipped or repeated."""
        return self.at.replace(tzinfo=None) + min(self.before, self.after)

    @property
    def end(self) -> datetime:
        """The first local time after what is skipped or repeated."""
        return self.at.replace(tzinfo=None) + max(self.before, self.after)


def whole_minute(instant: datetime) -> datetime:
    """The UTC minute in which an aware instant lies; the first or last there is when UTC has no such year.

    Raises ValueError for a naive datetime.
    """
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


def wall_time(instant: datetime, tz: ZoneInfo) -> datetime:
    """The local minute the clock shows; the first or last there is when it would show another year."""
    try:
        local = instant.astimezone(tz)
    except OverflowError:
        local = instant
    return local.replace(tzinfo=None, second=0, microsecond=0, fold=0)


def offset_at(instant: datetime, tz: ZoneInfo) -> timedelta:
    """The zone's UTC offset at an instant."""
    try:
        return _known(instant.astimezone(tz).utcoffset())
    except OverflowError:  # on the first or last day there is, when no clock changes
        return _known(tz.utcoffset(instant.replace(tzinfo=None)))


def offsets_of(local: datetime, tz: ZoneInfo) -> tuple[timedelta, timedelta]:
    """The UTC offsets before and after the change that skips or repeats a local time, or one offset twice."""
    return _known(tz.utcoffset(local.replace(fold=0))), _known(tz.utcoffset(local.replace(fold=1)))


def _known(offset: timedelta | None) -> timedelta:
    assert offset is not None  # a ZoneInfo always has one
    return offset


def change_at(local: datetime, tz: ZoneInfo) -> Change | None:
    """The change that skips or repeats this local time; None for a time that happens once."""
    before, after = offsets_of(local, tz)
    if before == after:
        return None
    earliest, latest = local - max(before, after), local - min(before, after)
    return Change(_turn(earliest.replace(tzinfo=UTC), latest.replace(tzinfo=UTC), tz), before, after)


def latest_time(instant: datetime, tz: ZoneInfo) -> datetime:
    """The latest local time the clock has shown: what it shows, or in a second pass the end of the first."""
    local = wall_time(instant, tz)
    change = change_at(local, tz)
    return change.end - SECOND if change and change.gap < NO_GAP and instant >= change.at else local


def changes(tz: ZoneInfo, since: datetime, until: datetime) -> Iterator[Change]:
    """The zone's changes in (since, until], in order, found one by one at some 0.2 ms a year."""
    before = offset_at(since, tz)
    while since < until:
        probe = until if until - since <= PROBE else since + PROBE
        after = offset_at(probe, tz)
        if after != before:
            probe = _turn(since, probe, tz)
            after = offset_at(probe, tz)
            yield Change(probe, before, after)
        since, before = probe, after


def _turn(earliest: datetime, latest: datetime, tz: ZoneInfo) -> datetime:
    """The first instant in (earliest, latest] whose offset is not that of `earliest`, to the second."""
    before = offset_at(earliest, tz)
    seconds = range(1, int((latest - earliest) / SECOND) + 1)
    index = bisect_left(seconds, True, key=lambda second: offset_at(earliest + second * SECOND, tz) != before)
    return earliest + seconds[index] * SECOND
