"""`./todo bench [NAME ...]`: the benchmarks, on a PostgreSQL of their own that loses nothing."""

import os
import secrets
import sys

from devkit.commands.child import run_in_foreground
from devkit.embedded.services import temporary_services

_COMMAND = [sys.executable, "-m", "benchmarks"]
_SETTINGS = {
    "TODO_ENV": "development",
    "SECRET_KEY": secrets.token_urlsafe(50),
    "ACCESS_TOKEN_MINUTES": "1440",  # as long as a run
    # Counted as usual, and never reached.
    "THROTTLE_WRITES": "1000000/min",
    "THROTTLE_OPERATIONS": "1000000000/min",
    "TASKS_PER_USER": "1000000000",
}


def run(arguments: list[str]) -> int:
    if {"-h", "--help"} & set(arguments):
        return run_in_foreground([*_COMMAND, "--help"], os.environ)
    with temporary_services("bench", durable=True) as servers:
        return run_in_foreground([*_COMMAND, *arguments], os.environ | _SETTINGS | servers.environment)
