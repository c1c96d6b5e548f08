"""Each process of a running `./todo up` is killed in turn, while people write.

A writer creates a daily task and completes it, again and again. What is not answered is repeated with its
idempotency key. Afterwards each answered task must be there, with one successor for each completion.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPException
from statistics import median
from uuid import uuid4

import psutil
import psycopg

from tests.acceptance.calls import call
from tests.acceptance.processes import eventually
from tests.devkit.running import Up
from tests.faults.client import StubbornClient
from tests.faults.journal import Journal

WHOLE_WITHIN_SECONDS = 300  # on a busy machine
HANDLED_WITHIN_SECONDS = 900  # an event that was in hand at several kills waits longer each time
_PASSWORD = "correct horse battery staple"
_READY = {"worker", "ticker", "beat"}


def _role(name: str) -> Callable[[Up], psutil.Process]:
    def find(up: Up) -> psutil.Process:
        found = up.child(name)
        assert found, f"{name} does not run"
        return found

    return find


def _first_child(name: str) -> Callable[[Up], psutil.Process]:
    return lambda up: _role(name)(up).children()[0]


def _session(up: Up) -> psutil.Process:
    """A session of PostgreSQL: the death of one makes all of it recover."""
    with psycopg.connect(up.settings["DATABASE_URL"]) as connection:
        # The oldest: another might end by itself before it is killed.
        query = (
            "SELECT pid FROM pg_stat_activity WHERE datname = 'todo' AND backend_type = 'client backend'"
            " AND pid != pg_backend_pid() ORDER BY backend_start LIMIT 1"
        )
        (pid,) = connection.execute(query).fetchone() or (0,)
    return psutil.Process(pid)


VICTIMS: dict[str, Callable[[Up], psutil.Process]] = {
    "a web worker": _first_child("todo-web"),
    "web (granian)": _role("todo-web"),
    "stream": _role("todo-stream"),
    "worker": _role("todo-worker"),
    "a child of worker": _first_child("todo-worker"),
    "ticker": _role("todo-ticker"),
    "beat": _role("todo-beat"),
    "relay": _role("todo-relay"),
    "Valkey": _role("valkey-server"),
    "PostgreSQL": _role("postgres"),
    "a session of PostgreSQL": _session,
}


@dataclass
class Kills:
    """What became of it: seconds until all answered again, by victim; what was answered, by the writers."""

    up: Up
    stream_port: int
    seconds: dict[str, list[float]] = field(default_factory=dict)
    tasks: list[int] = field(default_factory=list)
    completed: list[int] = field(default_factory=list)

    def kill(self, name: str) -> None:
        """Kill it, and wait until all answer again."""
        victim = VICTIMS[name](self.up)
        before = Counter(self._running().values())
        began = time.monotonic()
        victim.kill()
        psutil.wait_procs([victim], timeout=60)
        eventually(lambda: self._is_whole(before, victim), seconds=WHOLE_WITHIN_SECONDS)
        self.seconds.setdefault(name, []).append(time.monotonic() - began)

    def _running(self) -> dict[int, str]:
        """The name of each role and of each child of web and worker, by process id."""
        roles = self.up.children()
        parents = [one for one in roles if one.name() in ("todo-web", "todo-worker")]
        return {
            one.pid: one.name() for one in [*roles, *(child for one in parents for child in one.children())]
        }

    def _is_whole(self, before: Counter[str], victim: psutil.Process) -> bool:
        """As many processes as before, and each does its work."""
        try:
            now = self._running()
        except psutil.NoSuchProcess:
            return False
        return victim.pid not in now and Counter(now.values()) >= before and self._answer()

    def _answer(self) -> bool:
        if not {file.name for file in self.up.places.ready.iterdir()} >= _READY:
            return False
        try:
            answer = call(self.stream_port, "GET", "/healthz/ready")
        except (OSError, HTTPException):
            return False
        return answer.status == 200 and self.up.status("/healthz/ready?all=true") == 200

    def write(self, client: StubbornClient, stop: threading.Event) -> None:
        while not stop.is_set():
            daily = {"title": uuid4().hex, "due_at": "2030-05-01T09:00:00Z", "recurrence_rule": "daily"}
            created, _ = client.ask("POST", "/api/tasks", daily)
            assert created.status == 201, created
            task = int(created.answer["id"])
            self.tasks.append(task)
            completed, _ = client.ask("POST", f"/api/tasks/{task}/complete")
            assert completed.status == 200, completed
            self.completed.append(task)

    def lost(self) -> dict[str, int]:
        """What was answered and is not there, once all events have been handled."""
        with psycopg.connect(self.up.settings["DATABASE_URL"], autocommit=True) as connection:

            def count(table: str, *parameters: list[int]) -> int:
                rows = connection.execute(f"SELECT count(*) FROM {table}", parameters)  # type: ignore[arg-type]
                return int((rows.fetchone() or (0,))[0])

            there = count("tasks WHERE id = ANY(%s)", self.tasks)
            done = count("tasks WHERE completed AND id = ANY(%s)", self.completed)
            print(
                f"{there} of {len(self.tasks)} tasks, {done} of {len(self.completed)} completions", flush=True
            )
            for table in ("outbox_events", "parked_events"):
                eventually(lambda table=table: count(table) == 0, seconds=HANDLED_WITHIN_SECONDS)
            next_ones = count("tasks WHERE generated_from_id = ANY(%s)", self.completed)
            given_up = count("dead_letters")
        return {
            "tasks": len(self.tasks) - there,
            "completions": len(self.completed) - done,
            "successors": len(self.completed) - next_ones,
            "events given up": given_up,
        }

    def table(self) -> str:
        rows = [
            f"{name:26} {len(times):3}  {min(times):5.1f}  {median(times):5.1f}  {max(times):5.1f}"
            for name, times in self.seconds.items()
        ]
        return "\n".join(
            [f"{'killed':26} {'':3}  {'min':>5}  {'med.':>5}  {'max':>5}  s until all answer", *rows]
        )


@contextmanager
def writing(kills: Kills, journal: Journal, port: int, *, writers: int) -> Iterator[None]:
    """So many people write until the block ends."""
    stop = threading.Event()
    failures: list[BaseException] = []

    def work(client: StubbornClient) -> None:
        try:
            kills.write(client, stop)
        except BaseException as error:
            failures.append(error)
        finally:
            client.close()

    threads = [
        threading.Thread(target=work, args=[_signed_up(port, journal, number)]) for number in range(writers)
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert not failures, failures


def _signed_up(port: int, journal: Journal, number: int) -> StubbornClient:
    client = StubbornClient(port, journal)
    account = {"email": f"writer{number}@example.test", "password": _PASSWORD}
    client.ask("POST", "/api/auth/register", account)
    entry, _ = client.ask("POST", "/api/auth/token", account)
    client.token = entry.answer["access"]
    return client
