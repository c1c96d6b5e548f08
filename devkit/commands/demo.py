"""`./todo demo`: the story of one reminder (devkit/demo)."""

import os
import sys

from devkit.commands.child import run_in_foreground


def run(arguments: list[str]) -> int:
    return run_in_foreground([sys.executable, "-m", "devkit.demo", *arguments], os.environ)
