"""One burst: everything is due at one instant; what the push service got, when, and what that cost."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db import connection

from benchmarks.burst import people
from benchmarks.burst.backend import Backend
from benchmarks.burst.sink import Sink
from benchmarks.measuring import percentile_of
from benchmarks.stage import empty_tables

# From the preparation until the reminders are due.
LEAD_SECONDS = 2.5
PATIENCE_SECONDS = 300.0
DRIPPING = 100
# Of those that the dripping endpoints get, the last is given up after hours: it is not waited for.
_PENDING = "SELECT count(*) FROM deliveries WHERE state = 'pending' AND target NOT LIKE '%/drip/%'"


@dataclass(frozen=True)
class Burst:
    """What one burst was: seconds from its instant until each reminder was at the push service, in order.

    `twice` is how many came again, `processor` the seconds that each role used.
    """

    count: int
    seconds: list[float]
    twice: int
    processor: dict[str, float]

    @property
    def lost(self) -> int:
        return self.count - len(self.seconds)

    def at(self, percentile: int) -> float:
        return percentile_of(self.seconds, percentile)

    @property
    def last(self) -> float:
        return self.seconds[-1]

    def milliseconds_each(self) -> float:
        """Of the processors, of all processes together."""
        return sum(self.processor.values()) / self.count * 1000


@dataclass(frozen=True)
class Scene:
    """A running backend and two push services: those of people, and one that drips."""

    running: Backend
    push: Sink
    dripper: Sink

    def burst(
        self, count: int, *, milliseconds: int = 0, dripping: bool = False, kill: bool = False
    ) -> Burst:
        """`count` reminders at one instant, each for a push service that takes so many milliseconds.

        `dripping`: beside DRIPPING endpoints that drip, whose reminders come then too. `kill`: a process that
        sends is killed when half of them have come.
        """
        empty_tables()
        self._wait(lambda: not self._unhandled())
        paths = [f"/{milliseconds}/{time.monotonic_ns()}-{number}" for number in range(count)]
        people.with_a_browser_each([self.push.origin + path for path in paths])
        if dripping:
            people.with_many_browsers([f"{self.dripper.origin}/drip/{n}" for n in range(DRIPPING)])
        instant = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=LEAD_SECONDS)
        people.due_at(instant)
        before = self.running.processor_seconds()
        came = self.push.count()
        if kill:
            self._wait(lambda: self.push.count() - came >= count / 2)
            self._kill()
        self._wait(lambda: self.push.count() - came >= count)
        self._wait(lambda: len(self._arrivals(paths)) == count)
        self._wait(lambda: not self._unhandled())
        after = self.running.processor_seconds()
        arrivals = self._arrivals(paths)
        return Burst(
            count,
            sorted(min(times) - instant.timestamp() for times in arrivals.values()),
            twice=sum(map(len, arrivals.values())) - len(arrivals),
            processor={role: after[role] - before[role] for role in after},
        )

    def _arrivals(self, paths: list[str]) -> dict[str, list[float]]:
        times: dict[str, list[float]] = {path: [] for path in paths}
        for one in self.push.arrivals():
            if one.path in times:
                times[one.path].append(one.at)
        return {path: came for path, came in times.items() if came}

    def _kill(self) -> None:
        """End the process with the most work so far, with SIGKILL."""
        children = self.running.children("worker")
        max(children, key=lambda one: one.cpu_times().user).kill()

    def _unhandled(self) -> int:
        """Deliveries that are not recorded, and events that are not handled."""
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT ({_PENDING}) + (SELECT count(*) FROM outbox_events)")
            return int(cursor.fetchone()[0])

    def _wait(self, is_so: Callable[[], bool]) -> None:
        until = time.monotonic() + PATIENCE_SECONDS
        while not is_so() and time.monotonic() < until:
            time.sleep(0.1)
