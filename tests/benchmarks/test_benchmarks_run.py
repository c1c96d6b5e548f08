"""Each benchmark, small: both sides do the same work. How fast is not asked: the machine is shared."""

from pathlib import Path

import pytest
from django.conf import settings

from benchmarks.__main__ import LONG, NAMES
from benchmarks.register import BENCHMARKS
from benchmarks.stage import Stage
from tests.acceptance.processes import environment

IN_THE_TABLE = {
    "ceiling": ["nothing"],
    "create": ["this backend", "naive", "naive, connections kept", "raw psycopg, 4 connections"],
    "list": ["this backend", "naive", "naive, connections kept"],
    "events": ["events on", "events off"],
    "bulk": ["bulk, 1,000 a request, 1 connection", "one by one, 16 connections", "COPY"],
}


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    surroundings = environment() | {"SECRET_KEY": settings.SECRET_KEY, "THROTTLE_WRITES": "1000000/min"}
    return Stage(surroundings, tmp_path, rounds=1, seconds=0.3, tasks=1_000, requests=3_000)


def test_every_benchmark_has_a_name_and_a_small_version() -> None:
    assert set(BENCHMARKS) == {*NAMES, *LONG} == {*IN_THE_TABLE, "memory", "scale"}


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("name", IN_THE_TABLE)
def test_both_sides_do_the_same_work(stage: Stage, name: str) -> None:
    # Each side's rows and events are counted by the benchmark itself (require_rows).
    found = BENCHMARKS[name](stage)
    rows = [line.split(" | ") for line in found.text.splitlines() if line.startswith("| ")]
    assert [row[0].removeprefix("| ") for row in rows[2:]] == IN_THE_TABLE[name]
    assert all(float(row[1].split(" ")[0].replace(",", "")) > 0 for row in rows[2:])
    assert "The load generator used " in found.text
