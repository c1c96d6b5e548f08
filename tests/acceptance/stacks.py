"""What a web process does that does not answer: its stacks, and how much of a processor it has had."""

import os
import signal
from pathlib import Path

import psutil

from tests.acceptance.processes import eventually
from tests.acceptance.web import Web

APPLICATION = "tests.acceptance.writes_stacks:application"


def stacks(server: Web, file: Path) -> str:
    """The stacks of all threads of the worker, which serves APPLICATION with this file as STACKS."""
    (worker,) = psutil.Process(server.process.pid).children()
    worker.send_signal(signal.SIGUSR1)
    # The first thread, whose event loop this function runs, comes last.
    eventually(lambda: "_spawn_rsgi_worker" in file.read_text())
    used, waited = (sum(times) / 1e9 for times in zip(*_times(worker.pid), strict=True))
    load = ", ".join(f"{of_a_minute:.0f}" for of_a_minute in os.getloadavg())
    return f"{used:.1f} s on a processor, {waited:.1f} s waiting for one; load {load}\n{file.read_text()}"


def _times(pid: int) -> list[tuple[int, int]]:
    """Of each thread, in nanoseconds (schedstat of Linux's proc(5))."""
    found = [path.read_text().split() for path in Path(f"/proc/{pid}/task").glob("*/schedstat")]
    return [(int(used), int(waited)) for used, waited, _slices in found]
