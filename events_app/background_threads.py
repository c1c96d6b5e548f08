"""Threads beside a process's loop, for work that comes every few seconds and must not hold the loop up."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event as Signal
from threading import Thread

import structlog
from django.db import connection

from events_app.liveness import turned

log = structlog.get_logger(__name__)

# How long work in hand is waited for at the end.
STOP_SECONDS = 3.0


@dataclass(frozen=True)
class BackgroundThread:
    """`work` returns whether there may be more of it now. If it raises, it is tried again.

    A failure is logged once, and again if it is another one; also that the work succeeds again.
    """

    name: str
    work: Callable[[], object]
    every_seconds: float

    def run(self, stopping: Signal) -> None:
        """Until `stopping` is set."""
        turned(self.name)
        failure = ""
        while not stopping.wait(self.every_seconds):
            turned(self.name)
            try:
                while self.work() and not stopping.is_set():
                    turned(self.name)
            except Exception as error:  # no one would see that this thread has ended
                if str(error) != failure:
                    log.warning("background_work_failed", thread=self.name, error=str(error))
                failure = str(error)
                connection.close()
            else:
                if failure:
                    log.info("background_work_succeeds_again", thread=self.name)
                failure = ""
        connection.close()


@contextmanager
def running(threads: Sequence[BackgroundThread], stopping: Signal) -> Iterator[None]:
    """Run the threads until the block ends or `stopping` is set."""
    started = [Thread(target=one.run, args=[stopping], name=one.name, daemon=True) for one in threads]
    for thread in started:
        thread.start()
    try:
        yield
    finally:
        stopping.set()
        for thread in started:
            thread.join(STOP_SECONDS)
