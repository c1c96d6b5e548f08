"""Reminders of many people, the processes that deliver them, and what the push service got.

The processes run on the test's own database, with a Valkey of their own.
"""

import random
import signal
import subprocess
import sys
from base64 import b64decode
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path

import psutil
from django.db import connection

from benchmarks.burst import people
from benchmarks.burst.sink import Arrival, Sink, sink
from benchmarks.measuring import percentile_of
from devkit.demo.push_service import Browser
from devkit.embedded.instance import new_vapid_key
from devkit.embedded.places import Places
from devkit.embedded.processes import kill_group, stop_all
from devkit.embedded.supervisor import procfile
from devkit.embedded.valkey import Valkey
from notifications_app.channels.message import tag_of_task
from tests.acceptance.processes import ROOT, environment, eventually

ALL = ("worker", "ticker", "beat", "relay")
_AT_ONCE = 5_000
_LEFT = """
    SELECT (SELECT count(*) FROM tasks WHERE next_reminder_at <= %s)
         + (SELECT count(*) FROM deliveries WHERE state = 'pending')
"""
_DUE = """
    SELECT '/' || split_part(endpoint, '/', 4) || '/' || split_part(endpoint, '/', 5), tasks.id, reminder_at
    FROM push_subscriptions JOIN tasks USING (user_id)
"""
# Each person has one reminder and one browser.
_WRONG_ROWS = {
    "reminders lost": "SELECT count(*) FROM tasks WHERE NOT EXISTS"
    " (SELECT FROM reminders WHERE task_id = tasks.id AND state = 'delivered')",
    "reminders twice": "SELECT count(*) FROM (SELECT FROM reminders GROUP BY task_id HAVING count(*) > 1)",
    "deliveries lost": "SELECT count(*) FROM tasks WHERE NOT EXISTS (SELECT FROM deliveries"
    " WHERE deliveries.user_id = tasks.user_id AND state = 'sent')",
    "deliveries twice": "SELECT count(*) FROM (SELECT FROM deliveries GROUP BY user_id HAVING count(*) > 1)",
    "tasks not marked": "SELECT count(*) FROM tasks WHERE NOT reminder_sent",
}


@dataclass
class Deliverers:
    """The processes by name: a role of the Procfile, with a digit where there are several of it.

    With `clock` they go by a clock that may be set while they run.
    """

    valkey: Valkey
    clock: Path | None = None
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    killed: list[subprocess.Popen[bytes]] = field(default_factory=list)
    vapid_key: str = field(default_factory=new_vapid_key)

    def start(self, *names: str) -> None:
        for name in names or ALL:
            self.processes[name] = subprocess.Popen(
                [sys.executable, *self._command(name)],
                cwd=ROOT,
                env=environment()
                | {
                    "REDIS_URL": self.valkey.url,
                    "VAPID_PRIVATE_KEY": self.vapid_key,
                    "VAPID_SUBJECT": "mailto:operator@todo-operator.net",
                    "LOG_LEVEL": "ERROR",
                },
                start_new_session=True,
            )

    def _command(self, name: str) -> list[str]:
        role = name.rstrip("0123456789")
        # Of several Celery workers on one machine each needs a name of its own.
        _python, *command = procfile()[role].replace("@%h", f"{name.removeprefix(role)}@%h").split()
        if self.clock is None:
            return command
        module = command[1:] if command[0] == "-m" else [command[0].removesuffix(".py"), *command[1:]]
        return ["-m", "tests.faults.set_clock", str(self.clock), *module]

    def set_clock(self, seconds: float) -> None:
        """Set the clock so many seconds ahead of the right time, or behind it."""
        assert self.clock
        new = self.clock.with_suffix(".new")
        new.write_text(str(seconds))
        new.replace(self.clock)

    def kill(self, name: str, *, children: bool = False) -> None:
        """Kill it, with its children or without, and start it again."""
        process = self.processes[name]
        if children:
            kill_group(process.pid)
        else:
            process.kill()
        process.wait()
        self.killed.append(process)
        self.start(name)

    def kill_child(self, name: str, chance: random.Random) -> None:
        """Kill one of its children, which it starts again by itself."""
        if children := psutil.Process(self.processes[name].pid).children():
            chance.choice(children).kill()


@contextmanager
def deliverers(folder: Path, clock: Path | None = None) -> Iterator[Deliverers]:
    """With their Valkey, but not started; what was started is stopped when the block ends."""
    places = Places(data=folder)
    places.make()
    valkey = Valkey(places, durable=False)
    valkey.start()
    valkey.wait_until_ready()
    found = Deliverers(valkey, clock)
    try:
        yield found
    finally:
        for process in found.killed:  # their children may live on
            kill_group(process.pid)
        stop_all([*found.processes.values()], stop_signal=signal.SIGTERM, seconds=10)
        valkey.stop()


@dataclass
class Reminders:
    """Reminders of so many people, whose browsers are at this push service."""

    push: Sink
    count: int = 0
    browser: Browser = field(default_factory=people.new_browser)

    def furnish(self, count: int) -> None:
        """`count` people more, whose reminders have no time yet. Not while anything is due."""
        for first in range(self.count, self.count + count, _AT_ONCE):
            numbers = range(first, min(first + _AT_ONCE, self.count + count))
            people.with_a_browser_each([f"{self.push.origin}/0/{n}" for n in numbers], self.browser)
        self.count += count

    def wait(self, until: datetime, *, seconds: float) -> None:
        """Until all that is due by then was sent and its events were relayed."""
        eventually(lambda: not self._left(until) and not unrelayed(), seconds=seconds)

    def _left(self, until: datetime) -> int:
        with connection.cursor() as cursor:
            cursor.execute(_LEFT, [until])
            return int(cursor.fetchone()[0])

    def outcome(self) -> "Outcome":
        with connection.cursor() as cursor:
            cursor.execute(_DUE)
            due = {path: (task, at.timestamp()) for path, task, at in cursor.fetchall()}
            rows = {}
            for name, statement in _WRONG_ROWS.items():
                cursor.execute(statement)
                rows[name] = int(cursor.fetchone()[0])
        assert len(due) == self.count
        return Outcome(due, self.push.arrivals(), rows, self.browser)


@dataclass
class Outcome:
    """What became of them: task and time by path, what arrived, and how many rows are wrong, by kind."""

    due: dict[str, tuple[int, float]]
    arrivals: list[Arrival]
    rows: dict[str, int]
    browser: Browser

    @cached_property
    def by_path(self) -> dict[str, list[Arrival]]:
        found = defaultdict(list)
        for one in self.arrivals:
            found[one.path].append(one)
        return found

    @property
    def wrong(self) -> dict[str, int]:
        """How many of each kind there are of what must not be."""
        return self.rows | {
            "pushes lost": len(self.due.keys() - self.by_path.keys()),
            "pushes to no one": len(self.by_path.keys() - self.due.keys()),
            # By it browsers and push services replace the first of two messages.
            "pushes with another Topic": sum(
                one.topic != tag_of_task(self.due[one.path][0]) for one in self.arrivals
            ),
        }

    @property
    def again(self) -> list[Arrival]:
        """Every message after the first one of its reminder."""
        return [one for arrivals in self.by_path.values() for one in arrivals[1:]]

    def tag_of(self, one: Arrival) -> str:
        """By it a device replaces the first of two notifications. Needs the bodies."""
        payload = self.browser.decrypt(b64decode(one.body))
        return str(payload["notification"]["tag"])

    def lateness(self, percentile: int) -> float:
        """Seconds from the time of a reminder to the push service having it first."""
        late = [arrivals[0].at - self.due[path][1] for path, arrivals in self.by_path.items()]
        return percentile_of(sorted(late), percentile)

    @property
    def last(self) -> float:
        """When the last one arrived for the first time (Unix seconds)."""
        return max(arrivals[0].at for arrivals in self.by_path.values())


def unrelayed() -> bool:
    """Whether an event waits for the relay."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM outbox_events)")
        return bool(cursor.fetchone()[0])


@contextmanager
def scene(folder: Path, *, faults: bool = False) -> Iterator[tuple[Deliverers, Reminders]]:
    """Processes that are not started yet, and no reminders yet.

    With `faults` the clock of the processes may be set, and the push service keeps what it got.
    """
    clock = folder / "clock" if faults else None
    if clock:
        clock.write_text("0")
    with sink(folder, keeps_bodies=faults) as push, deliverers(folder / "data", clock) as processes:
        yield processes, Reminders(push)
