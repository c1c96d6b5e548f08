"""How a worker, a ticker and beat say that they are ready, since they have no port to ask."""

import os
from pathlib import Path
from typing import Any

from celery.signals import worker_ready


def say_ready(**_signal: Any) -> None:
    """Make the file that TODO_READY_FILE names, if it is set: what started this process may wait for it."""
    if path := os.environ.get("TODO_READY_FILE"):
        Path(path).touch()


worker_ready.connect(say_ready)
