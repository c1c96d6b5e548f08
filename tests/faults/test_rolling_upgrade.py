"""An earlier release and this one work side by side: no request fails, and no event is lost.

UPGRADE_FROM=COMMIT ./todo test -n 0 -s -m faults tests/faults/test_rolling_upgrade.py: an upgrade and the way
back, under load. UPGRADE_SECONDS is the length of each of the five parts (default 20). The commit's code
runs with the libraries of today. Errors in the logs are printed: the beat of one release may send a tick that
workers of the other do not know, which is a hint that comes again.
"""

import os
from contextlib import closing
from pathlib import Path
from time import sleep

import pytest

from tests.acceptance.instance import Instance
from tests.acceptance.processes import ROOT, eventually
from tests.faults.journal import Journal
from tests.faults.run import number
from tests.faults.upgrades import DOWNGRADE, UPGRADE, Load, Release, checkout_of, servers

HANDLED_WITHIN_SECONDS = 600


@pytest.mark.faults
def test_an_upgrade_and_the_way_back(tmp_path: Path) -> None:
    commit, seconds = os.environ.get("UPGRADE_FROM", "HEAD~60"), number("UPGRADE_SECONDS", 20)
    with servers(tmp_path / "data") as running, closing(Journal(tmp_path / "journal.jsonl")) as journal:
        old = Release("old", checkout_of(commit, tmp_path / "old"), running)
        new = Release("new", ROOT, running)
        load = Load(journal)
        try:
            old.run("python manage.py migrate")
            for role in UPGRADE:
                old.start(role)
            load.ports = [old.port]
            with load.of(4):
                sleep(seconds)
                new.run("python manage.py migrate")
                new.run("python manage.py upgrade_rows")
                _replace(old, new, UPGRADE, load, seconds)
                sleep(seconds)
                _replace(new, old, DOWNGRADE, load, seconds)
                sleep(seconds)
            lost = lost_of(running, load)
        finally:
            for release in (old, new):
                for role in list(release.processes):
                    release.stop(role)
        errors = old.errors() + new.errors()
        print(
            f"\n{commit} and this one: {len(load.tasks)} tasks, {len(load.completed)} completions,"
            f" {load.requests} requests; {len(journal.troubles)} tries failed, {len(errors)} errors in logs;"
            f" lost: {lost}"
        )
        for line in [*map(str, journal.troubles[:5]), *errors[:5]]:
            print(line)
        assert not journal.troubles
        assert not any(lost.values()), lost


def _replace(before: Release, after: Release, order: tuple[str, ...], load: Load, seconds: int) -> None:
    """Start each role of the one, let both work for a while, then stop each of the other, in that order."""
    for role in order:
        after.start(role)
    load.ports = [before.port, after.port]
    sleep(seconds)
    for release in (before, after):
        release.require_alive()
    for role in order:
        if role == "web":
            load.ports = [after.port]
            sleep(6)  # as long as a request takes that is on its way, and a load balancer to notice
        before.stop(role)


def lost_of(running: Instance, load: Load) -> dict[str, int]:
    """What was answered and is not there once all events have been handled."""
    for table in ("outbox_events", "parked_events"):
        eventually(
            lambda table=table: running.rows(f"SELECT count(*) FROM {table}") == [(0,)],
            seconds=HANDLED_WITHIN_SECONDS,
        )
    (there,) = running.rows("SELECT count(*) FROM tasks WHERE id = ANY(%s)", load.tasks)[0]
    done, successors = running.rows(
        "SELECT (SELECT count(*) FROM tasks WHERE completed AND id = ANY(%s)),"
        " (SELECT count(*) FROM tasks WHERE generated_from_id = ANY(%s))",
        load.completed,
        load.completed,
    )[0]
    return {
        "tasks": len(load.tasks) - there,
        "completions": len(load.completed) - done,
        "successors": len(load.completed) - successors,
        "events given up": running.rows("SELECT count(*) FROM dead_letters")[0][0],
    }
