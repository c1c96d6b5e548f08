"""Runs the roles of the Procfile side by side, starts again what ends, and ends them all together.

Reading the Procfile and printing is honcho's. Starting and stopping is not: honcho's manager fails on a
signal that comes while it starts, waits forever for a process that ignores SIGTERM, signals the children of a
process too, and leaves everything running when it is killed itself.
"""

import os
import signal
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Protocol

from honcho.colour import get_colours
from honcho.environ import parse_procfile

from devkit.embedded import EXPLAINED, ExplainedError, StartError
from devkit.embedded.children import Begin
from devkit.embedded.output import Outputs, Terminal, say
from devkit.embedded.places import CHECKOUT, Places
from devkit.embedded.processes import Child, kill_group, stop_all

STOP_SECONDS = 5
_LOOK_SECONDS = 1.0
# The wait before a new start doubles each time, and begins again when it has run for a while in between: what
# cannot start, or fails at its first work, ends sooner.
FIRST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS = 1.0, 30.0
_SOUND_AFTER_SECONDS = 20.0


def procfile() -> dict[str, str]:
    """The roles of this project: name to shell command. Consumers only where there is a Kafka."""
    commands = dict(parse_procfile((CHECKOUT / "Procfile").read_text()).processes)
    if not os.environ.get("KAFKA_BOOTSTRAP_SERVERS"):  # then the relay calls the handlers itself
        del commands["consumers"]
    return commands


class Server(Protocol):
    """A server of the instance, which is started again like a role."""

    @property
    def name(self) -> str: ...

    def exit_code(self) -> int | None:
        """None while it runs."""

    def restart(self) -> None:
        """Start it on the same data and address, without waiting until it is ready."""


@dataclass
class _Kept:
    """Something that is started again when it ends; times are of the monotonic clock."""

    name: str
    exit_code: Callable[[], int | None]
    start: Callable[[], None]
    started: float
    wait_seconds: float = 0.0
    due: float | None = None


class Supervisor:
    """Roles that end together: at the end of the `with` block all of them are gone."""

    def __init__(self, places: Places, begin: Begin) -> None:
        self._places = places
        self._begin = begin
        self._terminal = Terminal()
        self._outputs = Outputs(self._terminal)
        self._colours = get_colours()
        self._children: dict[str, Child] = {}
        self._commands: dict[str, tuple[str, str]] = {}

    def __enter__(self) -> "Supervisor":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, ExplainedError):
            self._terminal.end()  # so that the reason is the last line
        children = list(self._children.values())
        for child in children:
            child.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        while time.monotonic() < deadline and any(child.poll() is None for child in children):
            self._outputs.relay(0.05)
        stop_all(children, stop_signal=signal.SIGTERM, seconds=0)
        self._outputs.close()

    def start(self, name: str, command: str) -> None:
        """Start a command; its lines go to the terminal under `name`, and to `logs/<name>.log`."""
        self._commands[name] = (command, next(self._colours))
        self._start(name)

    def run(self, name: str, command: str) -> None:
        """Run a command to its end; raises StartError when it fails, ExplainedError when it has said why."""
        with self._terminal.only(name):
            self.start(name, command)
            while (code := self._children[name].poll()) is None:
                self._outputs.relay(0.02)
            self.pass_on_output()
            if code == EXPLAINED:
                raise ExplainedError
            if code:
                raise StartError(f"{name} failed with exit code {code} (see {self._log(name)})")
        del self._children[name]

    def pass_on_output(self) -> None:
        """Pass on all that the roles have written so far."""
        while self._outputs.relay(0):
            pass

    def require_all_running(self, servers: Iterable[Server], *, seconds: float = 0) -> None:
        """Pass on output for so long; raise StartError naming the role or server that has ended."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            self._outputs.relay(left)
        for name, code in [
            *((server.name, server.exit_code()) for server in servers),
            *((name, child.poll()) for name, child in self._children.items()),
        ]:
            if code is not None:
                raise StartError(
                    f"{name} ended with exit code {code} (see {self._log(name)}); stopping the others."
                )

    def keep(self, servers: Iterable[Server]) -> None:
        """Start again what ends, of the roles and the servers, until a signal ends this."""
        now = time.monotonic()
        kept = [_Kept(server.name, server.exit_code, server.restart, now) for server in servers]
        kept += [self._kept(name, now) for name in self._children]
        while True:
            self._outputs.relay(min([_LOOK_SECONDS, *(max(one.due - now, 0) for one in kept if one.due)]))
            now = time.monotonic()
            for one in kept:
                self._look_after(one, now)

    def _kept(self, name: str, now: float) -> _Kept:
        return _Kept(name, lambda: self._children[name].poll(), lambda: self._start(name), now)

    def _look_after(self, one: _Kept, now: float) -> None:
        if one.due is not None:
            if now >= one.due:
                self._start_again(one, now)
        elif (code := one.exit_code()) is not None:
            self._put_off(one, now, f"ended with exit code {code} (see {self._log(one.name)})")

    def _start_again(self, one: _Kept, now: float) -> None:
        one.started, one.due = now, None
        try:
            one.start()
        except (StartError, OSError) as failure:
            self._put_off(one, now, f"cannot be started ({failure})")

    def _put_off(self, one: _Kept, now: float, why: str) -> None:
        is_sound = now - one.started > _SOUND_AFTER_SECONDS
        longer = min(one.wait_seconds * 2, _LONGEST_WAIT_SECONDS)
        one.wait_seconds = FIRST_WAIT_SECONDS if is_sound else max(longer, FIRST_WAIT_SECONDS)
        one.due = now + one.wait_seconds
        say(f"./todo: {one.name} {why}; it is started again in {one.wait_seconds:g} s.")

    def _start(self, name: str) -> None:
        if name in self._children:
            self._clear_away(self._children[name].pid)
        (self._places.ready / name).unlink(missing_ok=True)  # of the one before, which was ready
        command, colour = self._commands[name]
        writer = self._outputs.open(name, colour, self._log(name))
        try:
            self._children[name] = self._begin(name, command, writer, self._outputs.forget)
        finally:
            os.close(writer)

    def _clear_away(self, pid: int) -> None:
        """Kill what a process that was killed has left of its children; its open streams count no longer."""
        kill_group(pid)
        for gauge in self._places.metrics.glob(f"gauge_live*_{pid}.db"):
            gauge.unlink()

    def _log(self, name: str) -> Path:
        return self._places.logs / f"{name}.log"
