"""The zone data is the pinned package's, whatever the machine has, in every process."""

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from zoneinfo import TZPATH

import pytest
import tzdata

from recurrence.rules import ZONE_DATA_VERSION, Series, zone
from recurrence.zone_changes import changes

at = datetime.fromisoformat
ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("rule", "timezone", "after", "slot"),
    [
        ("daily", "America/Vancouver", "2026-11-29T20:00Z", "2026-11-30T16:00Z"),
        ("cron:0 10 15 1 *", "America/Vancouver", "2027-12-01T00:00Z", "2028-01-15T17:00Z"),
        ("cron:0 10 15 1 *", "Africa/Casablanca", "2027-12-01T00:00Z", "2028-01-15T10:00Z"),
        ("cron:0 10 15 1 *", "America/Edmonton", "2027-12-01T00:00Z", "2028-01-15T16:00Z"),
    ],
)
def test_the_newest_decisions_of_governments(rule: str, timezone: str, after: str, slot: str) -> None:
    series = Series(rule=rule, timezone=timezone, anchor=at("2026-01-01T09:00"))

    assert series.next_after(at(after)) == at(slot)


def test_the_version_is_the_packages() -> None:
    assert tzdata.IANA_VERSION == ZONE_DATA_VERSION
    assert TZPATH == ()


# As `python manage.py` runs it.
MANAGE = """
import runpy, sys
sys.argv = ["manage.py", "version"]
runpy.run_path("manage.py", run_name="__main__")
"""


@pytest.mark.parametrize(
    "start",
    [
        pytest.param("import recurrence.rules", id="the room alone"),
        pytest.param("import todo_project.rsgi", id="web", marks=pytest.mark.slow),
        pytest.param("import todo_project.celery", id="worker, ticker and beat", marks=pytest.mark.slow),
        pytest.param(MANAGE, id="stream, relay, consumers and commands", marks=pytest.mark.slow),
    ],
)
def test_another_tree_of_zones_is_not_read(start: str, tmp_path: Path) -> None:
    """A machine whose Berlin is Tokyo."""
    wrong = tmp_path / "Europe"
    wrong.mkdir()
    (wrong / "Berlin").write_bytes(files("tzdata").joinpath("zoneinfo", "Asia", "Tokyo").read_bytes())
    program = f"""
from zoneinfo import ZoneInfo
from datetime import datetime
before = ZoneInfo("Europe/Berlin").utcoffset(datetime(2026, 1, 1))
{start}
print(before, ZoneInfo("Europe/Berlin").utcoffset(datetime(2026, 1, 1)))
"""
    environment = os.environ | {"PYTHONTZPATH": str(tmp_path), "TODO_ENV": "development"}

    answer = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )

    assert answer.stdout.split()[-2:] == ["9:00:00", "1:00:00"]


def test_every_process_starts_in_one_of_these_ways() -> None:
    commands = [line.partition(":")[2].split() for line in (ROOT / "Procfile").read_text().splitlines()]

    assert len(commands) == 7
    assert all({"todo_project.rsgi:application", "todo_project", "manage.py"} & {*line} for line in commands)


@pytest.mark.parametrize("year", [2011, 2041])
@pytest.mark.parametrize(
    "name",
    ["America/New_York", "Africa/Casablanca", "Europe/Dublin", "America/Nuuk", "Pacific/Apia", "Asia/Tokyo"],
)
def test_the_changes_are_those_of_the_clock(name: str, year: int) -> None:
    """In the listed years and by the rule after them; zoneinfo reads the file by itself."""
    tz, begin = zone(name), datetime(year, 1, 1, tzinfo=UTC)
    hours = [begin + timedelta(hours=number) for number in range(365 * 24)]
    offsets = [hour.astimezone(tz).utcoffset() for hour in hours]
    turned = [hour for hour, (old, new) in zip(hours[1:], pairwise(offsets), strict=True) if old != new]

    assert [change.at for change in changes(tz, begin, hours[-1])] == turned
