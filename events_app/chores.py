"""What a process does beside its loop: every few seconds, in a thread of its own, never in the loop's way."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event as Signal
from threading import Thread

import structlog
from django.db import connection

from events_app.liveness import turned

log = structlog.get_logger(__name__)

# How long a chore in hand is waited for at the end.
STOP_SECONDS = 3.0


@dataclass(frozen=True)
class Chore:
    """`work` says whether there may be more of it at once; what it raises is told, and it is tried again."""

    name: str
    work: Callable[[], object]
    every_seconds: float

    def run(self, stopping: Signal) -> None:
        """Until `stopping` is set."""
        turned(self.name)
        while not stopping.wait(self.every_seconds):
            turned(self.name)
            try:
                while self.work() and not stopping.is_set():
                    turned(self.name)
            except Exception as error:  # nobody would see that this thread has ended
                log.warning("chore_failed", chore=self.name, error=str(error))
                connection.close()
        connection.close()


@contextmanager
def done_beside(chores: Sequence[Chore], stopping: Signal) -> Iterator[None]:
    """Have the chores done until the block ends or `stopping` is set."""
    threads = [Thread(target=chore.run, args=[stopping], name=chore.name, daemon=True) for chore in chores]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stopping.set()
        for thread in threads:
            thread.join(STOP_SECONDS)
