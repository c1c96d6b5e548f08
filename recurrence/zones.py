"""Time zones as the pinned tzdata package has them, whatever the machine has installed.

zoneinfo reads the system's files first, so that the same rule would give another hour on another machine.
Importing this module turns that off for the whole process. It imports nothing of the project but errors.
"""

import zoneinfo
from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import tzdata

from recurrence.errors import RuleError

zoneinfo.reset_tzpath(())
ZoneInfo.clear_cache()

ZONE_DATA_VERSION: str = tzdata.IANA_VERSION
"""The release of the IANA time zone database, such as 2026f."""

FIRST = datetime.min.replace(tzinfo=UTC)
LAST = datetime.max.replace(tzinfo=UTC, second=0, microsecond=0)


def zone(name: str) -> ZoneInfo:
    """The IANA zone of this exact name, read from disk once. Raises RuleError (bad_timezone)."""
    if name not in _zone_names():
        raise RuleError("bad_timezone", "The time zone is an IANA name, such as Europe/Berlin or UTC.")
    return _zone(name)


@cache
def _zone_names() -> frozenset[str]:
    # localtime is this machine's own zone, and Factory means that none was chosen.
    return frozenset(zoneinfo.available_timezones() - {"localtime", "Factory"})


@cache
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def offset_at(instant: datetime, tz: ZoneInfo) -> timedelta:
    """The zone's UTC offset at an instant."""
    try:
        return known(instant.astimezone(tz).utcoffset())
    except OverflowError:  # on the first or last day there is, when no clock changes
        return known(tz.utcoffset(instant.replace(tzinfo=None)))


def known(offset: timedelta | None) -> timedelta:
    assert offset is not None  # a ZoneInfo always has one
    return offset
