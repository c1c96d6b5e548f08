"""`./todo lint`: every check of the house, each one run even when another failed."""

import os
import sys
import time

from devkit.commands.child import PYTHON_WITHOUT_DATABASE, run_in_foreground

_PYTHON = [*PYTHON_WITHOUT_DATABASE, "-m"]

CHECKS = {
    "style": [*_PYTHON, "ruff", "check", "."],
    "format": [*_PYTHON, "ruff", "format", "--check", "."],
    "types": [*_PYTHON, "mypy"],
    "imports": [sys.executable, "-c", "from importlinter.cli import lint_imports_command as lint; lint()"],
    "words": [*_PYTHON, "devkit.words"],
    "migrations": [*_PYTHON, "manage", "makemigrations", "--check", "--dry-run"],
    "safe migrations": [*_PYTHON, "devkit.migration_safety"],
}


def run(_arguments: list[str]) -> int:
    failed = [name for name, command in CHECKS.items() if not _passes(name, command)]
    print(f"lint: {'failed: ' + ', '.join(failed) if failed else 'all checks pass'}")
    return 1 if failed else 0


def _passes(name: str, command: list[str]) -> bool:
    started = time.monotonic()
    print(f"--- {name}", flush=True)
    code = run_in_foreground(command, {"TODO_ENV": "development"} | os.environ)
    print(f"--- {name}: {'ok' if code == 0 else 'FAILED'} in {time.monotonic() - started:.1f} s", flush=True)
    return code == 0
