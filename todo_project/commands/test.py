"""`./todo test [pytest args]`: pytest on servers of its own; without arguments on all processors."""

import os
import sys

from todo_project.commands.child import run_in_foreground
from todo_project.embedded.services import temporary_services


def run(arguments: list[str]) -> int:
    with temporary_services("test") as servers:
        environment = os.environ | {"TODO_ENV": "development"} | servers.environment
        arguments = arguments or ["-n", "auto"]
        return run_in_foreground([sys.executable, "-m", "pytest", *arguments], environment)
