"""A command's child in the foreground: it has the terminal, we wait and clean up after it."""

import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from types import FrameType

from devkit.embedded.places import CHECKOUT

# makemigrations compares the models with the files; that it cannot reach a database is no reason to warn.
PYTHON_WITHOUT_DATABASE = [sys.executable, "-W", "ignore:Got an error checking:RuntimeWarning"]


def run_in_foreground(command: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run it to its end and return its exit code (128 + signal when a signal ended it)."""
    child = subprocess.Popen(command, env=dict(environment), cwd=CHECKOUT)

    def hand_on(number: int, _frame: FrameType | None) -> None:
        child.send_signal(number)

    before = {number: signal.signal(number, hand_on) for number in (signal.SIGTERM, signal.SIGHUP)}
    # Ctrl-C reaches the child from the terminal itself; a second SIGINT from us would cut its clean-up short.
    before[signal.SIGINT] = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        code = child.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return code if code >= 0 else 128 - code
