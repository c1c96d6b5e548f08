"""Runs the processes of the Procfile side by side: prefixed output, logs, an end for all of them together.

Reading the Procfile and printing is honcho's. Starting and stopping is not, because honcho's manager fails
on a signal that comes while it starts, waits for ever when no process obeys SIGTERM, sends that signal to
the children of a process too, and leaves everything running when it is killed itself.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from threading import Lock, Thread
from types import TracebackType
from typing import IO

from honcho.colour import get_colours
from honcho.environ import parse_procfile
from honcho.printer import Message, Printer

from devkit.embedded import StartError
from devkit.embedded.places import CHECKOUT, Places
from devkit.embedded.processes import open_log, spawn, stop_all

_STOP_SECONDS = 5
_WIDTH = 8


def procfile() -> dict[str, str]:
    """The process types of this project: name to shell command. Consumers only where there is a Kafka."""
    commands = dict(parse_procfile((CHECKOUT / "Procfile").read_text()).processes)
    if not os.environ.get("KAFKA_BOOTSTRAP_SERVERS"):  # then the relay calls the handlers itself
        del commands["consumers"]
    return commands


class Supervisor:
    """Processes that end together: at the end of the `with` block all of them are gone."""

    def __init__(self, places: Places, environment: Mapping[str, str]) -> None:
        self._places = places
        self._environment = environment
        self._printer = Printer(sys.stdout, width=_WIDTH)
        self._printing = Lock()
        self._colours = get_colours()
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._relays: dict[str, Thread] = {}

    def __enter__(self) -> "Supervisor":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        stop_all(list(self._processes.values()), stop_signal=signal.SIGTERM, seconds=_STOP_SECONDS)
        for relay in self._relays.values():
            relay.join(timeout=1)

    def start(self, name: str, command: str) -> None:
        """Start a shell command; its lines go to the terminal under `name`, and to `logs/<name>.log`."""
        child = spawn(
            ["/bin/sh", "-c", f"exec {command}"],
            places=self._places,
            environment=self._environment,
            cwd=CHECKOUT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self._processes[name] = child
        relay = Thread(target=self._relay, args=(name, child.stdout, next(self._colours)), daemon=True)
        relay.start()
        self._relays[name] = relay

    def run(self, name: str, command: str) -> None:
        """Run a shell command to its end; raises StartError when it fails."""
        self.start(name, command)
        code = self._processes[name].wait()
        self._relays[name].join(timeout=1)
        if code:
            raise StartError(f"{name} failed with exit code {code} (see {self._log(name)})")
        del self._processes[name]

    def require_all_running(self, others: Mapping[str, subprocess.Popen[bytes]]) -> None:
        """Raise StartError naming the process that has ended, of ours and of `others`."""
        for name, process in {**others, **self._processes}.items():
            if (code := process.poll()) is not None:
                raise StartError(
                    f"{name} ended with exit code {code} (see {self._log(name)}); stopping the others."
                )

    def wait(self, others: Mapping[str, subprocess.Popen[bytes]]) -> None:
        """Stay until one of them ends, which raises StartError, or a signal does."""
        while True:
            self.require_all_running(others)
            time.sleep(0.2)

    def _log(self, name: str) -> Path:
        return self._places.logs / f"{name}.log"

    def _relay(self, name: str, output: IO[bytes], colour: str) -> None:
        with output, open_log(self._log(name)) as log:
            for line in output:
                log.write(line)
                log.flush()
                self._print(Message(type="line", data=line, time=datetime.now(), name=name, colour=colour))  # noqa: DTZ005

    def _print(self, message: Message) -> None:
        with self._printing:
            try:
                self._printer.write(message)
            except OSError:
                self._printer.write = lambda _message: None  # the terminal has gone; the log goes on
