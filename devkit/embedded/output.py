"""What the roles write: to the terminal, each line under its role's name, and to a log of each role."""

import os
import sys
from datetime import datetime
from pathlib import Path
from selectors import EVENT_READ, DefaultSelector

from honcho.printer import Message, Printer

from devkit.embedded.processes import open_log

_WIDTH = 8
_CHUNK_BYTES = 64 * 1024


class Terminal:
    """Prints lines as honcho does, and is silent once the terminal has gone."""

    def __init__(self) -> None:
        self._printer = Printer(sys.stdout, width=_WIDTH)

    def write(self, name: str, colour: str, lines: bytes) -> None:
        try:
            self._printer.write(
                Message(type="line", data=lines, time=datetime.now(), name=name, colour=colour)  # noqa: DTZ005
            )
        except OSError:
            self._printer.write = lambda _message: None


class Outputs:
    """The pipes of all roles, read by one thread: a process that forks must have no other."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._selector = DefaultSelector()
        self._outputs: dict[int, _Output] = {}

    def open(self, name: str, colour: str, log: Path) -> int:
        """A new pipe; the file descriptor to write to, which the caller closes once the child has it."""
        reader, writer = os.pipe()
        os.set_blocking(reader, False)
        self._outputs[reader] = _Output(self._terminal, name, colour, log)
        self._selector.register(reader, EVENT_READ)
        return writer

    def relay(self, seconds: float) -> bool:
        """Pass on what is there, after waiting so long for it; whether there was anything."""
        ready = self._selector.select(seconds)
        for key, _ in ready:
            if chunk := os.read(key.fd, _CHUNK_BYTES):
                self._outputs[key.fd].take(chunk)
            else:
                self._close(key.fd)
        return bool(ready)

    def close(self) -> None:
        """Pass on what is still there, and close all pipes."""
        while self.relay(0):
            pass
        for descriptor in list(self._outputs):
            self._close(descriptor)
        self._selector.close()

    def forget(self) -> None:
        """Close them in a fork, which has copies of them."""
        for descriptor in self._outputs:
            os.close(descriptor)
        self._selector.close()

    def _close(self, descriptor: int) -> None:
        self._selector.unregister(descriptor)
        os.close(descriptor)
        self._outputs.pop(descriptor).end()


class _Output:
    def __init__(self, terminal: Terminal, name: str, colour: str, log: Path) -> None:
        self._terminal, self._name, self._colour = terminal, name, colour
        self._log = open_log(log)
        self._begun = b""

    def take(self, chunk: bytes) -> None:
        """Whole lines go on; the beginning of the next one waits for its end."""
        lines, newline, self._begun = (self._begun + chunk).rpartition(b"\n")
        if newline:
            self._write(lines + newline)

    def end(self) -> None:
        if self._begun:
            self._write(self._begun)
        self._log.close()

    def _write(self, lines: bytes) -> None:
        self._log.write(lines)
        self._log.flush()
        self._terminal.write(self._name, self._colour, lines)
