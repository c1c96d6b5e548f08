"""When the clocks of a zone change: what its file lists, and beyond that what its rule gives year by year.

They import nothing of the project but zones.
"""

from bisect import bisect_left
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from importlib.resources import files
from itertools import pairwise
from struct import calcsize, iter_unpack, unpack_from
from typing import NamedTuple
from zoneinfo import ZoneInfo

from recurrence.zones import FIRST, LAST, offset_at, zone

SECOND = timedelta(seconds=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Of these many days, and those around them, it is remembered whether a clock changes.
DAYS_AT_ONCE = 2
DAYS_AROUND = 2  # more than any two offsets of a zone differ by
_HEADER = ">4sc15x6l"


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


def changes(tz: ZoneInfo, since: datetime, until: datetime) -> Iterator[Change]:
    """The zone's changes in (since, until], in order."""
    for year in range(since.year, until.year + 1):
        for change in _changes_of_year(tz.key, year):
            if since < change.at <= until:
                yield change


def steady_offset(tz: ZoneInfo, instant: datetime) -> timedelta | None:
    """The offset at a UTC instant when no clock changes within two days of it, nor near by; else None."""
    return _steady_offset(tz.key, instant.toordinal() // DAYS_AT_ONCE)


@lru_cache(maxsize=16384)
def _steady_offset(name: str, number: int) -> timedelta | None:
    first = number * DAYS_AT_ONCE - DAYS_AROUND
    last = first + DAYS_AT_ONCE + 2 * DAYS_AROUND
    if first < 1 or last > LAST.toordinal():
        return None
    begin, end = (datetime.fromordinal(day).replace(tzinfo=UTC) for day in (first, last))
    tz = zone(name)
    if any(changes(tz, begin, end)):
        return None
    offset = offset_at(begin, tz)
    return offset if offset % timedelta(minutes=1) == timedelta(0) else None


def listed_changes(tz: ZoneInfo, since: datetime, until: datetime) -> Iterator[Change]:
    """Those of `changes` that the zone's file lists; the others, by rule, are of a few hours at most."""
    return (change for change in _file(tz.key)[0] if since < change.at <= until)


@lru_cache(maxsize=4096)
def _changes_of_year(name: str, year: int) -> tuple[Change, ...]:
    listed, has_rule = _file(name)
    last_listed = listed[-1].at if listed else FIRST
    found = tuple(change for change in listed if change.at.year == year)
    if has_rule and year >= last_listed.year:
        found += tuple(change for change in _changes_by_rule(zone(name), year) if change.at > last_listed)
    return found


def _changes_by_rule(tz: ZoneInfo, year: int) -> Iterator[Change]:
    """A rule changes the clocks twice a year, more than a month apart: looked for where two months differ."""
    ends = [EPOCH.replace(year=year, month=month) for month in range(1, 13)]
    ends.append(LAST if year == LAST.year else EPOCH.replace(year=year + 1))
    for begin, end in pairwise(ends):
        before, after = offset_at(begin, tz), offset_at(end, tz)
        if before != after:
            seconds = range(int((end - begin) / SECOND))
            index = bisect_left(
                seconds, True, key=lambda s: offset_at(begin + (s + 1) * SECOND, tz) != before
            )
            yield Change(begin + (index + 1) * SECOND, before, after)


@cache
def _file(name: str) -> tuple[tuple[Change, ...], bool]:
    """The changes that a zone's file lists, in order, and whether a rule goes on after them.

    Source: RFC 8536 (TZif): the part with 64-bit times, and the footer.
    """
    content = files("tzdata").joinpath("zoneinfo", *name.split("/")).read_bytes()
    start = calcsize(_HEADER) + _size(content, 0, bytes_of_a_time=4)
    times, types = _counts(content, start)[3:5]
    body = start + calcsize(_HEADER)
    instants = unpack_from(f">{times}q", content, body)
    kinds = unpack_from(f"{times}B", content, body + 8 * times)
    described = content[body + 9 * times : body + 9 * times + 6 * types]
    offsets = [timedelta(seconds=seconds) for seconds, _, _ in iter_unpack(">lBB", described)]
    steps = zip(instants, (0, *kinds), kinds, strict=False)
    listed = (Change(EPOCH + at * SECOND, offsets[old], offsets[new]) for at, old, new in steps)
    footer = content[body + _size(content, start, bytes_of_a_time=8) :]
    return tuple(change for change in listed if change.gap), b"," in footer


def _counts(content: bytes, start: int) -> tuple[int, ...]:
    return unpack_from(_HEADER, content, start)[2:]


def _size(content: bytes, start: int, *, bytes_of_a_time: int) -> int:
    """How long a part of the file is, without its header."""
    utc, std, leap, times, types, chars = _counts(content, start)
    return times * (bytes_of_a_time + 1) + types * 6 + chars + leap * (bytes_of_a_time + 4) + std + utc
