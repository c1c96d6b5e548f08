"""`./todo attack` finds what holds, and says so; the full run takes minutes and is no test."""

import subprocess
import sys

import pytest

from devkit.attack.attacks import ATTACKS
from devkit.attack.victim import Seen
from devkit.embedded.places import CHECKOUT


def attack(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "devkit.launcher", "attack", *arguments]
    return subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, timeout=600, check=False)


@pytest.mark.slow
def test_the_short_attacks_hold() -> None:
    """The goal for the victim is generous: this machine may be busy."""
    names = ["schema", "slow-bodies-16", "idle-700", "slow-readers", "endless-tokens", "foreign-host"]
    run = attack("--seconds", "1", "--goal", "15000", *names)
    assert run.returncode == 0, run.stdout + run.stderr
    rows = [line.split() for line in run.stdout.splitlines()]
    assert [row[4] for row in rows if row[0] in names] == ["yes"] * len(names)
    assert run.stdout.splitlines()[-1].endswith("0 of them are missing.")


@pytest.mark.slow
def test_an_attack_that_does_not_exist_is_named() -> None:
    run = attack("floods")
    assert run.returncode == 2
    assert "there is no attack floods" in run.stderr


def test_each_attack_has_a_name_of_its_own() -> None:
    assert len({one.name for one in ATTACKS}) == len(ATTACKS)


def test_percentiles_are_milliseconds() -> None:
    seen = Seen(latencies=[number / 1000 for number in range(101)])
    assert (seen.percentile(50), seen.percentile(99)) == pytest.approx((50, 99))
    assert Seen(latencies=[0.25]).percentile(99) == 250
    assert Seen().percentile(99) == 0
