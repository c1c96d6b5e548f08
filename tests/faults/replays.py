"""Reading a topic again from its start must change nothing: every table is held against what it was."""

import subprocess
import sys
import time

from events_app.consuming import GroupConsumer
from events_app.groups import group_names
from tests.acceptance.processes import ROOT, eventually
from tests.faults.run import Run
from tests.faults.wire import lag
from tests.faults.witness import digests


def replay(run: Run, times: int) -> None:
    """With nothing else running; every table, every row and column."""
    before = digests(run.running)
    for number in range(1, times + 1):
        behind = {group: _rewind(run, group) for group in group_names()}
        began = time.monotonic()
        run.running.start("consumers")
        run.settle_groups()
        run.stop_processes()
        after = digests(run.running)
        changed = {table for table in before.keys() | after.keys() if before.get(table) != after.get(table)}
        print(
            f"replay {number}: {sum(behind.values())} messages in {time.monotonic() - began:.0f} s,"
            f" {len(after)} tables, changed: {sorted(changed) or 'none'}",
            flush=True,
        )
        assert not changed


def _rewind(run: Run, group: str) -> int:
    """Set the group to the start of its topics; how many messages it has before it now."""
    command = [sys.executable, "manage.py", "replay", "--group", group, "--from", "start"]

    def is_done() -> bool:
        """Not before the last member has left: one that was killed is missed after a while only."""
        done = subprocess.run(command, cwd=ROOT, env=run.running.environment, capture_output=True, text=True)
        assert done.returncode == 0 or "Stop them first" in done.stderr, done.stderr
        return done.returncode == 0

    eventually(is_done, seconds=300)
    return lag(run.servers, group, *GroupConsumer(group).topics)
