"""One process at a time owns a data directory."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from devkit.embedded import StartError
from devkit.embedded.places import Places


@contextmanager
def claim(places: Places, *, command: str, url: str = "") -> Iterator[None]:
    """Own the data directory until the block ends or this process dies.

    If it is taken, raises StartError with the `command` and `url` of the other process.
    """
    places.make()
    with places.lock.open("a+") as lock:
        # A record lock, because a child that outlives us must not inherit it (flock would be shared with it).
        try:
            fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise StartError(_taken(places, lock)) from None
        lock.truncate(0)
        json.dump({"pid": os.getpid(), "command": command, "url": url}, lock)
        lock.flush()
        yield


def is_claimed(places: Places) -> bool:
    """Whether another process owns the data directory now."""
    try:
        with places.lock.open("r+") as lock:
            fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False


def _taken(places: Places, lock: IO[str]) -> str:
    lock.seek(0)
    holder = json.loads(lock.read() or "{}")
    who = f"`./todo {holder.get('command', 'up')}` (process {holder.get('pid', 'unknown')})"
    at = f" at {holder['url']}" if holder.get("url") else ""
    return f"the data directory {places.data} is in use by {who}{at}."
