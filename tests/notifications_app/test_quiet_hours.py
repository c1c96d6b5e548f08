"""When quiet hours end: a table of users' times, zones and instants."""

from datetime import datetime, time, timedelta
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest

from notifications_app.quiet_hours import end_of_quiet_hours

BERLIN, NEW_YORK, LORD_HOWE, APIA = "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia"


def instant(text: str, zone: str) -> datetime:
    """`2026-10-25 02:30`, in the zone, or with an offset of its own."""
    at = datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=ZoneInfo(zone))


def user(quiet_from: str, quiet_to: str, zone: str) -> SimpleNamespace:
    return SimpleNamespace(
        quiet_from=time.fromisoformat(quiet_from), quiet_to=time.fromisoformat(quiet_to), timezone=zone
    )


@pytest.mark.parametrize(
    ("quiet_from", "quiet_to", "zone", "at", "end"),
    [
        # Within one day.
        ("13:00", "15:00", BERLIN, "2026-05-04 12:59", None),
        ("13:00", "15:00", BERLIN, "2026-05-04 13:00", "2026-05-04 15:00"),
        ("13:00", "15:00", BERLIN, "2026-05-04 14:59", "2026-05-04 15:00"),
        ("13:00", "15:00", BERLIN, "2026-05-04 15:00", None),
        # Over midnight, and exactly at it.
        ("22:00", "07:00", BERLIN, "2026-05-04 21:59", None),
        ("22:00", "07:00", BERLIN, "2026-05-04 22:00", "2026-05-05 07:00"),
        ("22:00", "07:00", BERLIN, "2026-05-05 00:00", "2026-05-05 07:00"),
        ("22:00", "07:00", BERLIN, "2026-05-05 06:59:59.999999", "2026-05-05 07:00"),
        ("22:00", "07:00", BERLIN, "2026-05-05 07:00", None),
        ("00:00", "07:00", BERLIN, "2026-05-05 03:00", "2026-05-05 07:00"),
        ("22:00", "00:00", BERLIN, "2026-05-04 23:59", "2026-05-05 00:00"),
        ("22:00", "00:00", BERLIN, "2026-05-05 00:00", None),
        # All day but a minute.
        ("09:00", "08:59", BERLIN, "2026-05-05 08:58", "2026-05-05 08:59"),
        ("09:00", "08:59", BERLIN, "2026-05-05 08:59", None),
        ("09:00", "08:59", BERLIN, "2026-05-05 09:00", "2026-05-06 08:59"),
        # In the user's zone, where it is another day than in UTC.
        ("22:00", "07:00", NEW_YORK, "2026-05-05 01:59+00:00", None),
        ("22:00", "07:00", NEW_YORK, "2026-05-05 02:00+00:00", "2026-05-05 07:00"),
        # The night when clocks go forward has seven hours, the one when they go back nine.
        ("23:00", "07:00", BERLIN, "2026-03-28 23:00", "2026-03-29 05:00+00:00"),
        ("23:00", "07:00", BERLIN, "2026-10-24 23:00", "2026-10-25 06:00+00:00"),
        # An end in the gap from 02:00 to 03:00: 02:30 is 03:30.
        ("23:00", "02:30", BERLIN, "2026-03-29 01:59", "2026-03-29 03:30"),
        ("23:00", "02:30", BERLIN, "2026-03-29 03:29", "2026-03-29 03:30"),
        ("23:00", "02:30", BERLIN, "2026-03-29 03:30", None),
        # A beginning in it.
        ("02:30", "07:00", BERLIN, "2026-03-29 03:29", None),
        ("02:30", "07:00", BERLIN, "2026-03-29 03:30", "2026-03-29 07:00"),
        # Both in it, or the end right behind it: no quiet hours that day, and they are back the next day.
        ("02:15", "02:45", BERLIN, "2026-03-29 03:15", "2026-03-29 03:45"),
        ("02:30", "03:00", BERLIN, "2026-03-29 03:30", None),
        ("02:30", "03:00", BERLIN, "2026-03-30 02:30", "2026-03-30 03:00"),
        # An end in the fold from 03:00 back to 02:00: the first pass of 02:30.
        ("23:00", "02:30", BERLIN, "2026-10-25 02:29+02:00", "2026-10-25 02:30+02:00"),
        ("23:00", "02:30", BERLIN, "2026-10-25 02:30+02:00", None),
        ("23:00", "02:30", BERLIN, "2026-10-25 02:15+01:00", None),
        # A beginning in it: the first pass too.
        ("02:30", "07:00", BERLIN, "2026-10-25 02:29+02:00", None),
        ("02:30", "07:00", BERLIN, "2026-10-25 02:30+02:00", "2026-10-25 07:00"),
        ("02:30", "07:00", BERLIN, "2026-10-25 02:15+01:00", "2026-10-25 07:00"),
        # A gap of half an hour, and a day that there was not.
        ("22:00", "02:15", LORD_HOWE, "2026-10-04 01:59", "2026-10-04 02:45"),
        ("22:00", "07:00", APIA, "2011-12-29 22:00", "2011-12-31 07:00"),
        ("22:00", "07:00", APIA, "2011-12-31 06:59", "2011-12-31 07:00"),
        ("22:00", "07:00", APIA, "2011-12-31 07:00", None),
    ],
)
def test_the_end(quiet_from: str, quiet_to: str, zone: str, at: str, end: str | None) -> None:
    found = end_of_quiet_hours(user(quiet_from, quiet_to, zone), instant(at, zone))
    assert found == (end and instant(end, zone))


def test_without_quiet_hours_there_is_no_end() -> None:
    alice = SimpleNamespace(quiet_from=None, quiet_to=None, timezone=BERLIN)
    assert end_of_quiet_hours(alice, instant("2026-05-04 23:00", BERLIN)) is None


@pytest.mark.parametrize("zone", [BERLIN, NEW_YORK, LORD_HOWE])
@pytest.mark.parametrize(
    ("quiet_from", "quiet_to"), [("22:00", "07:00"), ("01:45", "02:20"), ("02:30", "02:00")]
)
def test_the_end_lies_outside_and_everything_before_it_inside(
    quiet_from: str, quiet_to: str, zone: str
) -> None:
    """Every quarter of an hour of the days on which clocks change."""
    alice = user(quiet_from, quiet_to, zone)
    quarters = [timedelta(minutes=15 * number) for number in range(4 * 72)]
    found = {}
    for day in ("2026-03-07", "2026-03-28", "2026-04-04", "2026-10-03", "2026-10-24", "2026-10-31"):
        first = instant(f"{day} 00:00+00:00", zone)
        found |= {first + quarter: end_of_quiet_hours(alice, first + quarter) for quarter in quarters}
    for at, end in found.items():
        assert end is None or end > at
        assert end is None or end_of_quiet_hours(alice, end) is None
        following = found.get(at + timedelta(minutes=15), end)
        assert following == end or end is None or end <= at + timedelta(minutes=15)
    assert any(found.values())
