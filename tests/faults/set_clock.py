"""Runs a module as `python -m` does, on a clock that another process sets while it runs.

`python -m tests.faults.set_clock FILE MODULE [ARGUMENT ...]`: the file says by how many seconds the clock is
ahead of the right time, or behind it. Only the monotonic clock goes on, as when a machine's clock is set.
"""

import os
import runpy
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import time_machine

LOOK_SECONDS = 0.05


class Clock:
    """The clock of this process, and of each process that it forks."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.seconds = 0.0
        self.traveller = time_machine.travel(datetime.now(UTC), tick=True).start()
        self.look()
        self.watch()
        os.register_at_fork(after_in_child=self.watch)

    def look(self) -> None:
        """Set it as the file says."""
        seconds = float(self.file.read_text())
        if seconds != self.seconds:
            self.traveller.shift(seconds - self.seconds)
            self.seconds = seconds

    def watch(self) -> None:
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        while True:
            time.sleep(LOOK_SECONDS)
            self.look()


if __name__ == "__main__":
    file, module = sys.argv[1:3]
    sys.argv[1:] = sys.argv[3:]
    Clock(Path(file))
    runpy.run_module(module, run_name="__main__", alter_sys=True)
