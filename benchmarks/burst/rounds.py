"""One burst: everything is due at one instant; what the push service got, when, and what it cost."""

import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from django.db import connection

from benchmarks.burst import people
from benchmarks.burst.backend import Backend, backend
from benchmarks.measuring import percentile_of
from benchmarks.stage import Stage, empty_tables
from devkit.embedded.ports import free_port

# From the last preparation until the reminders are due: the processes have settled, and beat has ticked.
LEAD_SECONDS = 4.0
PATIENCE_SECONDS = 120.0


@dataclass(frozen=True)
class Burst:
    """What one burst was: seconds from the instant until each reminder was at the push service, in order."""

    count: int
    seconds: list[float]
    twice: int
    processor: dict[str, float] = field(default_factory=dict)

    @property
    def lost(self) -> int:
        return self.count - len(self.seconds)

    def at(self, percentile: int) -> float:
        return percentile_of(self.seconds, percentile)

    @property
    def milliseconds_each(self) -> float:
        """Of the processors, of all processes together."""
        return sum(self.processor.values()) / self.count * 1000


@dataclass(frozen=True)
class Sink:
    """A counting push service."""

    origin: str
    file: Path

    def arrivals(self) -> list[tuple[str, float]]:
        lines = (line.split(" ") for line in self.file.read_text().splitlines())
        return [(path, float(at)) for path, at in lines]


@contextmanager
def sink(stage: Stage, delay: float) -> Iterator[Sink]:
    """A process that answers each push after `delay` seconds."""
    port, file = free_port(), stage.folder / f"arrivals-{time.monotonic_ns()}"
    file.touch()
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.burst.sink", str(port), str(delay), file])
    try:
        yield Sink(f"http://127.0.0.1:{port}", file)
    finally:
        process.terminate()
        process.wait()


def burst(stage: Stage, count: int, *, delay: float = 0.0, dripping: int = 0) -> Burst:
    """`count` reminders at one instant, beside some whose push endpoints drip."""
    empty_tables()
    with sink(stage, delay) as push, sink(stage, 0) as dripper, backend(stage) as running:
        people.with_a_browser_each(count, push.origin)
        if dripping:
            people.with_dripping_browsers(dripping, dripper.origin)
        settle(running)
        return measured(running, push, count)


def settle(running: Backend) -> None:
    """Wait until the processes have started, and beat has ticked."""
    time.sleep(LEAD_SECONDS)
    assert all(process.poll() is None for process in running.processes.values())


def measured(running: Backend, push: Sink, count: int) -> Burst:
    """Make them due and wait for them."""
    instant = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=LEAD_SECONDS)
    people.due_at(instant)
    before = running.processor_seconds()
    wait_for(push, count)
    wait_until_recorded()
    after = running.processor_seconds()
    return result(push, count, instant, {role: after[role] - before[role] for role in after})


def result(push: Sink, count: int, instant: datetime, processor: dict[str, float]) -> Burst:
    arrivals = [(path, at) for path, at in push.arrivals() if path.startswith("/push/")]
    first: dict[str, float] = {}
    for path, at in arrivals:
        first.setdefault(path, at - instant.timestamp())
    twice = sum(number - 1 for number in Counter(path for path, _ in arrivals).values())
    return Burst(count, sorted(first.values()), twice, processor)


def wait_for(push: Sink, count: int) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < until:
        if len({path for path, _ in push.arrivals() if path.startswith("/push/")}) >= count:
            return
        time.sleep(0.2)


def wait_until_recorded() -> None:
    """Until tasks and events say so too."""
    until = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < until:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM deliveries WHERE state = 'pending' AND target NOT LIKE '%%/drip/%%'"
            )
            pending = cursor.fetchone()[0]
            cursor.execute("SELECT count(*) FROM outbox_events")
            if pending + cursor.fetchone()[0] == 0:
                return
        time.sleep(0.1)
