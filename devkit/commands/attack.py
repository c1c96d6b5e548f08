"""`./todo attack [NAME ...]`: attacks on an instance of its own, and what another user notices."""

import os
import sys

from devkit.commands.child import run_in_foreground


def run(arguments: list[str]) -> int:
    return run_in_foreground([sys.executable, "-m", "devkit.attack", *arguments], os.environ)
