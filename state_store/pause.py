"""After a failed call, the threads of a process skip the store for some seconds instead of waiting for it."""

import time
from collections.abc import Callable
from threading import Lock
from typing import TypeVar

import structlog

log = structlog.get_logger(__name__)

Result = TypeVar("Result")

PAUSE_SECONDS = 5.0


class Pause:
    """Shared by all threads of a process."""

    def __init__(self, seconds: float = PAUSE_SECONDS) -> None:
        self._seconds = seconds
        self._away_until = 0.0
        self._lock = Lock()

    def ask(self, call: Callable[[], Result], away: type[Exception]) -> Result | None:
        """What the call returns; None during a pause, and if it raises `away`, which begins one."""
        if not self.may_ask():
            return None
        try:
            answer = call()
        except away as error:
            self.begin()
            log.warning("state_store_away", error=str(error))
            return None
        self.end()
        return answer

    def may_ask(self) -> bool:
        """Whether to call the store now. After each pause one thread tries; the others still skip it."""
        with self._lock:
            now = time.monotonic()
            if now < self._away_until:
                return False
            if self._away_until:
                self._away_until = now + self._seconds
            return True

    def begin(self) -> None:
        """A call failed."""
        self._away_until = time.monotonic() + self._seconds

    def end(self) -> None:
        """A call succeeded."""
        self._away_until = 0.0
