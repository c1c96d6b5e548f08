"""After a failed call, the threads of a process skip the store for some seconds instead of waiting for it."""

import time
from threading import Lock

PAUSE_SECONDS = 5.0


class Pause:
    """Shared by all threads of a process."""

    def __init__(self, seconds: float = PAUSE_SECONDS) -> None:
        self._seconds = seconds
        self._away_until = 0.0
        self._lock = Lock()

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
