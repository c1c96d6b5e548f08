"""`./todo demo`: the story of one reminder (todo_project/demo)."""

import os
import sys

from todo_project.commands.child import run_in_foreground


def run(arguments: list[str]) -> int:
    return run_in_foreground([sys.executable, "-m", "todo_project.demo", *arguments], os.environ)
