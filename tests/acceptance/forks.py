"""Processes of the project, as forks of one that has imported their libraries (fork_server.py).

Each would import them again, one to two seconds of a processor. A test that is about the command line itself
starts it with subprocess.
"""

import atexit
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from tests.acceptance.fork_server import LIMIT_BYTES

ROOT = Path(__file__).resolve().parents[2]
_LOOK_SECONDS = 0.01


class Fork:
    """What tests need of subprocess.Popen, for a fork in a session of its own."""

    def __init__(self, server: "Server", command: str, pid: int) -> None:
        self._server, self._command, self.pid = server, command, pid
        self._code: int | None = None
        self._lock = threading.Lock()  # its end can be asked for once

    def poll(self) -> int | None:
        """The exit code (-9 after SIGKILL), or None while it runs."""
        with self._lock:
            if self._code is None:
                self._code = self._server.ask({"pid": self.pid})
            return self._code

    def wait(self, timeout: float | None = None) -> int:
        """The exit code; raises subprocess.TimeoutExpired."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while (code := self.poll()) is None:
            if deadline is not None and time.monotonic() > deadline:
                raise subprocess.TimeoutExpired(self._command, timeout or 0)
            time.sleep(_LOOK_SECONDS)
        return code

    def send_signal(self, number: int, /) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class Server:
    """A process that forks others and is their parent. It ends when we do, and they get a SIGTERM then."""

    def __init__(self, ours: socket.socket) -> None:
        self._socket, self._lock = ours, threading.Lock()

    def start(self, command: str, environment: Mapping[str, str], output: int | None = None) -> Fork:
        """Do what the command line `python ...` does, with this environment.

        `output` is the file descriptor that gets what it writes; None: it goes where ours goes.
        """
        descriptors = [1, 2] if output is None else [output, output]
        return self._fork(command, environment, descriptors)

    @contextmanager
    def with_project(self, environment: Mapping[str, str], output: int) -> Iterator["Server"]:
        """A server whose forks have the whole project, for those with this environment."""
        ours, theirs = _pair()
        with ours:
            with theirs:
                process = self._fork("", environment, [output, output, theirs.fileno()])
            yield Server(ours)
        process.wait()

    def ask(self, question: dict[str, Any], descriptors: Sequence[int] = ()) -> Any:
        with self._lock:
            socket.send_fds(self._socket, [json.dumps(question).encode()], descriptors)
            answer = self._socket.recv(LIMIT_BYTES)
        if not answer:
            raise RuntimeError("The fork server has ended.")
        return json.loads(answer)

    def _fork(self, command: str, environment: Mapping[str, str], descriptors: Sequence[int]) -> Fork:
        pid = self.ask({"command": command, "environment": dict(environment)}, descriptors)
        return Fork(self, command, pid)


@cache
def server() -> Server:
    """The one of this process."""
    ours, theirs = _pair()
    # Coverage is measured in the forks: what they import is theirs alone.
    environment = {name: value for name, value in os.environ.items() if "COVERAGE" not in name}
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.acceptance.fork_server", str(theirs.fileno())],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
            start_new_session=True,
        )

    def end() -> None:
        ours.close()
        process.wait()

    atexit.register(end)
    return Server(ours)


def _pair() -> tuple[socket.socket, socket.socket]:
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
