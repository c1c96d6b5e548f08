"""Child processes that do not outlive their instance."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Protocol

import psutil

from devkit.embedded.places import Places

# In the environment of every process of an instance: how the next start finds what a killed one left.
INSTANCE = "TODO_INSTANCE"

_SERVICES = {"postgres", "valkey-server"}
_PR_SET_PDEATHSIG = 1
LOG_LIMIT_BYTES = 10 * 1024 * 1024


class Child(Protocol):
    """What of subprocess.Popen a supervisor needs."""

    @property
    def pid(self) -> int: ...

    def poll(self) -> int | None:
        """The exit code (-9 after SIGKILL), or None while it runs."""

    def send_signal(self, sig: int, /) -> None:
        """Send it a signal; nothing when it has ended."""

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code; raises subprocess.TimeoutExpired."""


def spawn(
    command: Sequence[str],
    *,
    places: Places,
    environment: Mapping[str, str],
    stop_signal: int = signal.SIGTERM,
    **options: Any,
) -> subprocess.Popen[bytes]:
    """Start a child in a session of its own (Ctrl-C in the terminal is ours to hand on, in our order).

    On Linux it gets `stop_signal` when this process dies without stopping it. `options` are Popen's.
    """
    return subprocess.Popen(
        command,
        env={**environment, INSTANCE: str(places.data)},
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=ask_for_signal_when_parent_dies(stop_signal),
        **options,
    )


def stop_all(children: Sequence[Child], *, stop_signal: int, seconds: float) -> None:
    """Ask all to stop and wait at most `seconds`; then kill what is left of them and of their children."""
    for child in children:
        if child.poll() is None:
            child.send_signal(stop_signal)
    deadline = time.monotonic() + seconds
    for child in children:
        with suppress(subprocess.TimeoutExpired):
            child.wait(timeout=max(deadline - time.monotonic(), 0))
        kill_group(child.pid)
        child.wait()


def kill_group(pid: int) -> None:
    """Kill a child that has a session of its own, with what is left of its children."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def open_log(path: Path) -> IO[bytes]:
    """Open a log to append to; one that has grown past 10 MB is first set aside as `<name>.1`."""
    if path.exists() and path.stat().st_size > LOG_LIMIT_BYTES:
        path.replace(path.with_name(path.name + ".1"))
    return path.open("ab")


def last_line(log: Path) -> str:
    """The last line of a log that says something, for a message to a person."""
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1].strip() if lines else "its log is empty"


def stop_leftovers(places: Places) -> int:
    """Stop what a killed instance of this data directory left running, services last; their number.

    Only the owner of the claim may call this: it would stop a living instance too.
    """
    left = [process for process in psutil.process_iter(["name"]) if _belongs_to(process, places)]
    services = [process for process in left if process.info["name"] in _SERVICES]
    _stop_all([process for process in left if process not in services])
    _stop_all(services)
    return len(left)


def stop_postgres(places: Places) -> None:
    """Stop what is left of PostgreSQL in the cluster of this data directory, and wait until it has ended."""
    _stop_all([process for process in psutil.process_iter(["name"]) if _is_postgres_of(process, places)])


def _belongs_to(process: psutil.Process, places: Places) -> bool:
    try:
        if process.environ().get(INSTANCE) == str(places.data):
            return process.pid != os.getpid()
        # PostgreSQL's workers write their titles over their environment; all of them work in the cluster.
        return _is_postgres_of(process, places)
    except psutil.Error:
        return False


def _is_postgres_of(process: psutil.Process, places: Places) -> bool:
    try:
        cluster = str((places.postgres / "cluster").resolve())
        return process.info["name"] == "postgres" and process.cwd() == cluster
    except psutil.Error:
        return False


def _stop_all(processes: list[psutil.Process]) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            # To PostgreSQL SIGTERM means: wait until the last client has gone.
            process.send_signal(signal.SIGINT if process.info["name"] == "postgres" else signal.SIGTERM)
    _gone, alive = psutil.wait_procs(processes, timeout=5)
    for process in alive:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(alive, timeout=5)


def ask_for_signal_when_parent_dies(signal_number: int) -> Callable[[], None] | None:
    """What a child calls to get the signal when its parent dies; None where the system cannot do that."""
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None)

    def ask() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal_number)

    return ask
