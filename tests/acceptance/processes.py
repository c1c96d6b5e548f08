"""The project's processes, started on the test's own database."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from django.conf import settings
from django.db import connection

from devkit.embedded.processes import stop_all
from devkit.embedded.supervisor import procfile
from tests.acceptance.forks import ROOT as ROOT
from tests.acceptance.forks import Fork, server

WORKER, TICKER, BEAT, RELAY = (procfile()[name] for name in ("worker", "ticker", "beat", "relay"))


@contextmanager
def running(*commands: str) -> Iterator[list[Fork]]:
    """Commands of the Procfile, a process each, until the block ends; a test may kill them before."""
    processes = [server().start(command, environment()) for command in commands]
    try:
        yield processes
    finally:
        stop_all(processes, stop_signal=signal.SIGTERM, seconds=10)


def environment() -> dict[str, str]:
    """This process's environment, with the database the test writes to."""
    name = connection.settings_dict["NAME"]
    url = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{name}").geturl()
    return os.environ | {
        "DATABASE_URL": url,
        "PUSH_ALLOW_INSECURE_ENDPOINTS": "true",
        "VAPID_PRIVATE_KEY": settings.VAPID_PRIVATE_KEY,
        "LOG_LEVEL": "WARNING",
    }


def eventually(condition: Callable[[], object], *, seconds: float = 180) -> None:
    """Wait for the condition; AssertionError when it does not come true in time.

    An event whose attempt a kill ended is tried again a minute later, and a busy machine takes its time: a
    wait may be long, since only a test that fails waits for all of it.
    """
    deadline, pause = time.monotonic() + seconds, 0.02
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(pause)
        pause = min(pause * 1.5, 0.3)  # what is waited for needs the processor too
