"""`./todo test [pytest args]`: pytest on servers of its own, on all processors.

`--kafka` runs what is proven on a real Apache Kafka, and nothing else.
"""

import os
import sys

from devkit.commands.child import run_in_foreground
from devkit.embedded.services import temporary_services


def run(arguments: list[str]) -> int:
    if {"-h", "--help"} & set(arguments):
        return run_in_foreground([sys.executable, "-m", "pytest", "--help"], os.environ)
    with temporary_services("test") as servers:
        environment = os.environ | {"TODO_ENV": "development"} | servers.environment
        # Or each of the many processes of a run compiles the whole project: 4 s for a worker of pytest.
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        if "--kafka" in arguments:
            arguments = _with_kafka(arguments)
        return run_in_foreground([sys.executable, "-m", "pytest", *arguments], environment)


def _with_kafka(arguments: list[str]) -> list[str]:
    others = [argument for argument in arguments if argument != "--kafka"]
    return [*others, "-m", "kafka", "-rs"]  # and says what was skipped, and why
