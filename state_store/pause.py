"""Who found the store away spares everybody of this process the waiting, for so long."""

import time
from threading import Lock

PAUSE_SECONDS = 5.0


class Pause:
    """Between two questions to a store that does not answer; all threads of the process share it."""

    def __init__(self, seconds: float = PAUSE_SECONDS) -> None:
        self._seconds = seconds
        self._away_until = 0.0
        self._lock = Lock()

    def may_ask(self) -> bool:
        """Whether to ask now. While it is away one asks after each pause, and the others go on without."""
        with self._lock:
            now = time.monotonic()
            if now < self._away_until:
                return False
            if self._away_until:
                self._away_until = now + self._seconds
            return True

    def begin(self) -> None:
        """It did not answer."""
        self._away_until = time.monotonic() + self._seconds

    def end(self) -> None:
        """It answers."""
        self._away_until = 0.0
