"""What the roles write: to the terminal, each line under its role's name, and to a log of each role."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from selectors import EVENT_READ, DefaultSelector
from typing import TextIO

from honcho.printer import Message, Printer

from devkit.embedded.processes import open_log

_WIDTH = 8
_CHUNK_BYTES = 64 * 1024


def say(text: str, *, file: TextIO | None = None) -> None:
    """A line of the launcher's own, to stdout or `file`."""
    print(as_json("launcher", text) if is_json() else text, file=file, flush=True)


def is_json() -> bool:
    """Whether LOG_FORMAT asks for JSON in every line."""
    return os.environ.get("LOG_FORMAT") == "json"


def as_json(name: str, line: str) -> str:
    """The line, in an object of its own unless it is one: what a traceback or a library writes is none."""
    if line.startswith("{"):
        with suppress(ValueError):
            json.loads(line)
            return line
    when = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    return json.dumps({"event": line, "logger": name, "level": "info", "timestamp": when}, ensure_ascii=False)


class Terminal:
    """Prints lines as honcho does, or as they are when they are JSON; silent once the terminal has gone."""

    def __init__(self) -> None:
        self._printer = Printer(sys.stdout, width=_WIDTH)
        self._is_gone = False
        self._only: str | None = None
        self._held: list[tuple[str, str, bytes]] = []

    def end(self) -> None:
        """Print no more: what comes now goes to the logs alone."""
        self._is_gone = True

    @contextmanager
    def only(self, name: str) -> Iterator[None]:
        """Print what `name` writes at once, and what the others write after the block; never, if that fails.

        The reason that `name` gives for its failure stays the last line.
        """
        self._only = name
        try:
            yield
        finally:
            self._only = None
            held, self._held = self._held, []
        for other in held:
            self.write(*other)

    def write(self, name: str, colour: str, lines: bytes) -> None:
        """Print whole lines of the role `name`."""
        if self._only not in (None, name):
            self._held.append((name, colour, lines))
            return
        if self._is_gone:
            return
        try:
            if is_json():
                sys.stdout.write(lines.decode(errors="replace"))
                sys.stdout.flush()
            else:
                self._printer.write(
                    Message(type="line", data=lines, time=datetime.now(), name=name, colour=colour)  # noqa: DTZ005
                )
        except OSError:
            self._is_gone = True


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
        if is_json():
            texts = lines.decode(errors="replace").splitlines()
            lines = "".join(f"{as_json(self._name, text)}\n" for text in texts if text.strip()).encode()
        self._log.write(lines)
        self._log.flush()
        self._terminal.write(self._name, self._colour, lines)
