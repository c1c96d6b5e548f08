"""`./todo demo`: the story of one reminder (todo_project/demo), with the environment of this instance."""

import os
import sys

from todo_project.commands.child import run_in_foreground
from todo_project.embedded.instance import running_environment
from todo_project.embedded.places import places_of_this_checkout


def run(arguments: list[str]) -> int:
    environment = running_environment(places_of_this_checkout()) | os.environ
    return run_in_foreground([sys.executable, "-m", "todo_project.demo", *arguments], environment)
