"""Reminders of many people, the processes that deliver them, and what the push service got.

The processes run on the test's own database, with a Valkey of their own.
"""

import signal
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path

from django.db import connection

from benchmarks.burst import people
from benchmarks.burst.sink import Arrival, Sink, sink
from benchmarks.measuring import percentile_of
from devkit.embedded.instance import new_vapid_key
from devkit.embedded.places import Places
from devkit.embedded.processes import stop_all
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
    """The processes by name."""

    valkey: Valkey
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    vapid_key: str = field(default_factory=new_vapid_key)

    def start(self, *names: str) -> None:
        for name in names or ALL:
            _python, *command = procfile()[name].split()
            self.processes[name] = subprocess.Popen(
                [sys.executable, *command],
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


@contextmanager
def deliverers(folder: Path) -> Iterator[Deliverers]:
    """With their Valkey, but not started; what was started is stopped when the block ends."""
    places = Places(data=folder)
    places.make()
    valkey = Valkey(places, durable=False)
    valkey.start()
    valkey.wait_until_ready()
    found = Deliverers(valkey)
    try:
        yield found
    finally:
        stop_all([*found.processes.values()], stop_signal=signal.SIGTERM, seconds=10)
        valkey.stop()


@dataclass
class Reminders:
    """Reminders of so many people, whose browsers are at this push service."""

    push: Sink
    count: int = 0

    def add(self, count: int, start: datetime, *, over: timedelta = timedelta(0)) -> None:
        """For `count` people more, from `start` at a steady pace."""
        for first in range(self.count, self.count + count, _AT_ONCE):
            numbers = range(first, min(first + _AT_ONCE, self.count + count))
            people.with_a_browser_each([f"{self.push.origin}/0/{number}" for number in numbers])
        self.count += count
        people.due_at(start, over=over)

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
        return Outcome(due, self.push.arrivals(), rows)


@dataclass
class Outcome:
    """What became of them: task and time by path, what arrived, and how many rows are wrong, by kind."""

    due: dict[str, tuple[int, float]]
    arrivals: list[Arrival]
    rows: dict[str, int]

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
def scene(folder: Path) -> Iterator[tuple[Deliverers, Reminders]]:
    """Processes that are not started yet, and no reminders yet."""
    with sink(folder) as push, deliverers(folder / "data") as processes:
        yield processes, Reminders(push)
