"""How many requests of one caller are at work at once."""

from asyncio import Future, get_running_loop
from collections import Counter, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from http_app.errors import TooManyAtOnce


class CallerTurns:
    """Lets `at_once` requests of each caller work; `waiting` more wait, in the order they came.

    For one event loop. A caller is any text.
    """

    def __init__(self, *, at_once: int, waiting: int) -> None:
        self._at_once, self._most_waiting = at_once, waiting
        self._at_work: Counter[str] = Counter()
        self._waiting: dict[str, deque[Future[None]]] = {}

    @asynccontextmanager
    async def turn(self, caller: str) -> AsyncIterator[None]:
        """Wait for a turn, which lasts as long as the block. Raises TooManyAtOnce when too many wait."""
        await self._take(caller)
        try:
            yield
        finally:
            self._give(caller)

    async def _take(self, caller: str) -> None:
        if self._at_work[caller] < self._at_once:
            self._at_work[caller] += 1
            return
        queue = self._waiting.setdefault(caller, deque())
        if len(queue) >= self._most_waiting:
            raise TooManyAtOnce
        turn = get_running_loop().create_future()
        queue.append(turn)
        await turn

    def _give(self, caller: str) -> None:
        """The next of the caller's requests takes the turn over."""
        if queue := self._waiting.get(caller):
            queue.popleft().set_result(None)
            if not queue:
                del self._waiting[caller]
        elif self._at_work[caller] == 1:
            del self._at_work[caller]
        else:
            self._at_work[caller] -= 1
