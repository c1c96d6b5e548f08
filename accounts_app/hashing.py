"""At most two password hashes at once in a process: each takes half a second of a processor, by intention.

One more waits for a moment, and all others are answered at once, so that sign-ins never take every thread.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore, local

from http_app.errors import TooBusy

LONGEST_PASSWORD = 1_024  # characters
AT_ONCE = 2
WAIT_SECONDS = 1.0

_places = BoundedSemaphore(AT_ONCE)
_waiting = BoundedSemaphore(1)
_mine = local()


@contextmanager
def place_for_a_hash() -> Iterator[None]:
    """Hold a place; within a block that holds one this does nothing. Raises TooBusy (429)."""
    if getattr(_mine, "held", False):
        yield
        return
    _take_place()
    _mine.held = True
    try:
        yield
    finally:
        _mine.held = False
        _places.release()


def _take_place() -> None:
    if _places.acquire(blocking=False):
        return
    if not _waiting.acquire(blocking=False):
        raise TooBusy
    try:
        if not _places.acquire(timeout=WAIT_SECONDS):
            raise TooBusy
    finally:
        _waiting.release()
