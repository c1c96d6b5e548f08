"""How much may be on its way at once, so that slow servers do not delay other reminders.

Each process measures here how long sends take. Endpoints are user input, so a server counts as slow until it
is known to be fast.
"""

from collections import Counter, OrderedDict
from collections.abc import Collection
from threading import Lock
from time import monotonic
from typing import NamedTuple
from uuid import UUID

# A send that takes longer is slow, and so is its server for SLOW_FOR_SECONDS.
FAST_SECONDS = 1.0
SLOW_FOR_SECONDS = 60.0
# How long a postponed send waits follows from the sends before it, within these bounds.
SHORTEST_WAIT_SECONDS = 0.05
LONGEST_WAIT_SECONDS = 60.0
# Origins are user input, so only this many are remembered.
REMEMBERED = 2_000

Key = tuple[str, UUID | str]


class _Flight(NamedTuple):
    """A send that is on its way: its server, what it counts for, and since when."""

    origin: str
    keys: Collection[Key]
    started: float


class Traffic:
    """What one process has on its way, within bounds that are parts of its window:

    at all                      the window
    to servers not known fast   a half, a quarter to one of them
    for one user                a quarter, a sixteenth to servers not known fast
    """

    def __init__(self, window: int) -> None:
        self._window = window
        self._lock = Lock()
        self._flights: dict[int, _Flight] = {}
        self._counts: Counter[Key] = Counter()
        self._fast_from: OrderedDict[str, float] = OrderedDict()
        self._next_turn: dict[Key, float] = {}

    def start(self, number: int, origin: str, user_id: UUID) -> float:
        """Count a send that starts now, and return 0; or the seconds that it has to wait."""
        with self._lock:
            now = monotonic()
            if number in self._flights:  # its lease has ended, but not the send
                return LONGEST_WAIT_SECONDS
            is_fast = self._fast_from.get(origin, now + 1) <= now
            bounds = self._bounds(origin, user_id, is_fast)
            for key, bound in bounds.items():
                if self._counts[key] >= bound:
                    return self._turn(key, bound, now)
            self._flights[number] = _Flight(origin, bounds.keys(), now)
            for key in bounds:
                self._counts[key] += 1
            return 0

    def end(self, number: int) -> None:
        """The send has ended, well or not."""
        with self._lock:
            now = monotonic()
            origin, keys, started = self._flights.pop(number)
            for key in keys:
                self._counts[key] -= 1
                if not self._counts[key]:
                    del self._counts[key]
            if now - started > FAST_SECONDS:
                self._remember(origin, now + SLOW_FOR_SECONDS)
            elif origin not in self._fast_from:
                self._remember(origin, now)

    def young(self) -> int:
        """How many sends are still fast. Marks the servers of the others as slow."""
        with self._lock:
            now = monotonic()
            old = [one.origin for one in self._flights.values() if now - one.started > FAST_SECONDS]
            for origin in old:
                self._remember(origin, now + SLOW_FOR_SECONDS)
            return len(self._flights) - len(old)

    def _bounds(self, origin: str, user_id: UUID, is_fast: bool) -> dict[Key, int]:
        """What bounds a send: the keys that it counts for, each with the most of it."""
        bounds: dict[Key, int] = {("user", user_id): self._part(4)}
        if not is_fast:
            bounds |= {
                ("user, slow", user_id): self._part(16),
                ("origin", origin): self._part(4),
                ("slow", ""): self._part(2),
            }
        return bounds

    def _part(self, divisor: int) -> int:
        return max(self._window // divisor, 1)

    def _turn(self, key: Key, bound: int, now: float) -> float:
        """When something that waits for this bound has its turn, in seconds from now."""
        oldest = min(one.started for one in self._flights.values() if key in one.keys)
        turn = max(self._next_turn.get(key, now), now) + (now - oldest) / bound
        if len(self._next_turn) > REMEMBERED:
            self._next_turn = {other: at for other, at in self._next_turn.items() if at > now}
        self._next_turn[key] = turn
        return min(max(turn - now, SHORTEST_WAIT_SECONDS), LONGEST_WAIT_SECONDS)

    def _remember(self, origin: str, fast_from: float) -> None:
        self._fast_from[origin] = fast_from
        self._fast_from.move_to_end(origin)
        if len(self._fast_from) > REMEMBERED:
            self._fast_from.popitem(last=False)
