"""What is broken while reminders are delivered, and what comes again by it."""

import random
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from typing import NamedTuple

from redis import Redis

from tests.faults.reminders import Deliverers, Outcome

HOUR = 3600
BEATS = ("beat1", "beat2", "beat3")
# Beside the steps of the clock, which come in their order: an hour ahead, right, an hour behind, right.
CLOCK = {"clock an hour ahead": HOUR, "clock right": 0, "clock an hour behind": -HOUR, "clock right again": 0}


class Fault(NamedTuple):
    """What was done, and when (Unix seconds)."""

    kind: str
    at: float


class Faults:
    """Breaks one thing after the other; `seed` draws what, not when."""

    def __init__(self, processes: Deliverers, seed: str) -> None:
        self.processes = processes
        self.chance = random.Random(seed)
        self.done: list[Fault] = []
        self._kinds: dict[str, Callable[[], None]] = {
            "worker": lambda: self._kill("worker"),
            "worker with its children": lambda: self._kill("worker", children=True),
            "a child of worker": lambda: processes.kill_child(self._one_of("worker"), self.chance),
            "ticker": lambda: self._kill("ticker", children=True),
            "beat": lambda: self._kill("beat", children=True),
            "relay": lambda: self._kill("relay", children=True),
            "Valkey flushed": self._flush,
            "Valkey killed": self._kill_valkey,
        }
        if any(name.startswith("consumers") for name in processes.processes):
            self._kinds["consumers"] = lambda: self._kill("consumers", children=True)

    @property
    def kinds(self) -> list[str]:
        return list(self._kinds)

    def round(self, kinds: Sequence[str] = ()) -> list[str]:
        """Each of these kinds once (all by default) and the steps of the clock, mixed."""
        kills = list(kinds or self._kinds)
        self.chance.shuffle(kills)
        places = sorted(self.chance.sample(range(len(kills) + len(CLOCK)), len(CLOCK)))
        plan = iter(kills)
        steps = dict(zip(places, CLOCK, strict=True))
        return [steps[n] if n in steps else next(plan) for n in range(len(kills) + len(CLOCK))]

    def make(self, kind: str) -> None:
        self.done.append(Fault(kind, time.time()))
        if kind in CLOCK:
            self.processes.set_clock(CLOCK[kind])
        else:
            self._kinds[kind]()

    def _one_of(self, role: str) -> str:
        return self.chance.choice([name for name in self.processes.processes if name.startswith(role)])

    def _kill(self, role: str, *, children: bool = False) -> None:
        self.processes.kill(self._one_of(role), children=children)

    def _flush(self) -> None:
        with Redis.from_url(self.processes.valkey.url) as client:
            client.flushall()

    def _kill_valkey(self) -> None:
        valkey = self.processes.valkey
        assert valkey.process
        valkey.process.kill()
        valkey.process.wait()
        valkey.start()
        valkey.wait_until_ready()


def again_by_fault(found: Outcome, faults: Sequence[Fault]) -> dict[str, list[int]]:
    """How many messages came again for each fault, by its kind.

    A message comes again when what sent it did not live to record it: for the fault next to its first coming.
    """
    count: Counter[Fault] = Counter()
    for one in found.again:
        first = found.by_path[one.path][0]
        count[min(faults, key=lambda fault: abs(fault.at - first.at))] += 1
    by_kind: dict[str, list[int]] = defaultdict(list)
    for fault in faults:
        by_kind[fault.kind].append(count[fault])
    return by_kind


def unlike(found: Outcome) -> int:
    """Of the messages that came again, those that do not replace the first: with another Topic or tag."""
    return sum(
        (first.topic, found.tag_of(first)) != (one.topic, found.tag_of(one))
        for arrivals in found.by_path.values()
        for first, one in ((arrivals[0], again) for again in arrivals[1:])
    )
