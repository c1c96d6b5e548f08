"""`./todo manage ...`: Django's manage.py with the environment of this instance.

It uses the instance that `./todo up` runs; without one it starts PostgreSQL and Valkey for the time of the
command, unless the command needs neither.
"""

import os
import sys

from devkit.commands.child import PYTHON_WITHOUT_DATABASE, run_in_foreground
from devkit.embedded.claim import claim
from devkit.embedded.instance import instance_environment, running_environment
from devkit.embedded.places import places_of_this_checkout
from devkit.embedded.processes import stop_leftovers
from devkit.embedded.services import services

_WITHOUT_DATABASE = {
    "asyncapi",
    "check",
    "diffsettings",
    "findstatic",
    "help",
    "makemigrations",
    "spectacular",
    "version",
}


def run(arguments: list[str]) -> int:
    command = [sys.executable, "manage.py", *arguments]
    places = places_of_this_checkout()
    if running := running_environment(places):
        return run_in_foreground(command, running | os.environ)
    if _needs_no_database(arguments):
        without_database = [*PYTHON_WITHOUT_DATABASE, "manage.py", *arguments]
        return run_in_foreground(without_database, {"TODO_ENV": "development"} | os.environ)
    with claim(places, command="manage"):
        stop_leftovers(places)
        with services(places) as servers:
            return run_in_foreground(command, os.environ | instance_environment(places, servers.environment))


def _needs_no_database(arguments: list[str]) -> bool:
    return (
        not arguments
        or arguments[0] in _WITHOUT_DATABASE
        or bool({"-h", "--help", "--version"} & set(arguments))
    )
