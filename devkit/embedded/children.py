"""A child process, however it was made: by a command line, or as a fork of this process that stays Python."""

import gc
import multiprocessing
import os
import re
import runpy
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from multiprocessing.context import ForkProcess
from pathlib import Path
from typing import Protocol

from devkit.embedded.places import CHECKOUT, Places
from devkit.embedded.processes import Child, ask_for_signal_when_parent_dies, spawn

_VARIABLE = re.compile(r"\$\{(\w+):-([^}]*)\}")  # ${NAME:-default}
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Begin(Protocol):
    """Starts the command line of a role and returns at once."""

    def __call__(self, name: str, command: str, output: int, forget: Callable[[], None]) -> Child:
        """`output` is the file descriptor that gets what it writes; a fork calls `forget` for its copies."""


class Forked:
    """A fork of this process."""

    def __init__(self, process: ForkProcess) -> None:
        self._process = process

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    def poll(self) -> int | None:
        return self._process.exitcode

    def send_signal(self, sig: int, /) -> None:
        if self.poll() is None:
            os.kill(self.pid, sig)

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        if (code := self.poll()) is None:
            raise subprocess.TimeoutExpired(self._process.name, timeout or 0)
        return code


# The variable that names the file which a role makes when it is ready (todo_project/readiness.py).
READY_FILE = "TODO_READY_FILE"


def spawning(places: Places, environment: Mapping[str, str]) -> Begin:
    """Runs a command line in a shell, as an orchestrator would."""

    def begin(name: str, command: str, output: int, forget: Callable[[], None]) -> Child:
        del forget
        return spawn(
            ["/bin/sh", "-c", f"exec {command}"],
            places=places,
            environment={**environment, READY_FILE: str(places.ready / name)},
            cwd=CHECKOUT,
            stdout=output,
            stderr=output,
        )

    return begin


def forking(places: Places) -> Begin:
    """Runs `python -m MODULE ...` or `python FILE ...` in a fork: what this process has imported is shared.

    The environment is this process's. It must have no second thread, no connection and no event loop.
    """

    def begin(name: str, command: str, output: int, forget: Callable[[], None]) -> Child:
        process = multiprocessing.get_context("fork").Process(
            target=_become, args=(places, name, command, output, forget, os.getpid()), name=name
        )
        # A signal in between would end the child with our exception, or us before we know the child.
        signal.pthread_sigmask(signal.SIG_BLOCK, _STOP_SIGNALS)
        try:
            process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOP_SIGNALS)
        return Forked(process)

    return begin


def _become(
    places: Places, name: str, command: str, output: int, forget: Callable[[], None], parent: int
) -> None:
    os.setsid()
    os.environ[READY_FILE] = str(places.ready / name)
    if ask := ask_for_signal_when_parent_dies(signal.SIGTERM):
        ask()
    if os.getppid() != parent:
        sys.exit("The launcher has ended.")
    with suppress(OSError):  # what `ps -e` and `top` show
        Path("/proc/self/comm").write_text(f"todo-{name}")
    for descriptor in (1, 2):
        os.dup2(output, descriptor)
    forget()
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    for number in (*_STOP_SIGNALS, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOP_SIGNALS)
    multiprocessing.set_start_method("fork", force=True)  # granian's workers share it too
    gc.enable()
    # Without the checks: who forks has made them.
    run_python(f"{command} --skip-checks" if "manage.py" in command else command)


def run_python(command: str) -> None:
    """Do in this process what the command line `python ...` does; `${NAME:-default}` is filled in."""
    _python, *arguments = shlex.split(_filled_in(command))
    if arguments[0] == "-m":
        sys.argv = arguments[1:]
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = arguments
        runpy.run_path(arguments[0], run_name="__main__")


def _filled_in(command: str) -> str:
    return _VARIABLE.sub(lambda found: os.environ.get(found[1]) or found[2], command)
