"""What a benchmark runs on: PostgreSQL, users with tokens, and web processes as the Procfile has them."""

import http.client
import os
import re
import shlex
import signal
import socket
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import BinaryIO

import psutil
from django.db import connection
from honcho.environ import parse_procfile
from rest_framework_simplejwt.tokens import AccessToken

from accounts_app.models import User
from benchmarks.measuring import Series, Side, interleave
from devkit.embedded.places import CHECKOUT, Places
from devkit.embedded.ports import free_port
from devkit.embedded.processes import Child, spawn, stop_all

_PRODUCT = re.compile(r"todo_project\.\w+:application")
_RSGI = "--interface rsgi"
_START_SECONDS = 180
# The tables that a benchmark fills; the rest hang on them.
_FILLED = "users, tasks, outbox_events"


@dataclass(frozen=True)
class Stage:
    """How long to measure, and in which environment (DATABASE_URL, REDIS_URL ...) the web processes run.

    `folder` is for their logs. `seconds` is the length of a turn, `tasks` what the user with many has
    (scale), `requests` how many the worker gets (memory), `only` a part of the names that are asked (scale),
    `beside` other checkouts to measure in turns with this one, `checkout` whose processes this stage runs.
    """

    environment: Mapping[str, str]
    folder: Path
    rounds: int
    seconds: float
    tasks: int = 1_000_000
    requests: int = 100_000
    only: str = ""
    beside: Sequence[Path] = ()
    checkout: Path = CHECKOUT

    @property
    def python(self) -> str:
        """The checkout's own Python, if it has one."""
        own = self.checkout / ".venv" / "bin" / "python"
        return str(own) if own.exists() else sys.executable

    def measure(self, *sides: Side) -> dict[str, Series]:
        """All sides, interleaved. A checkpoint before each turn, so no side writes another side's pages."""
        return interleave(
            sides, rounds=self.rounds, seconds=self.seconds, between=lambda: execute("CHECKPOINT")
        )

    @contextmanager
    def web(self, application: str = "", *, by_wsgi: bool = False, **environment: str) -> Iterator["Web"]:
        """The web process of the Procfile, with another application in it when one is named."""
        command = parse_procfile((self.checkout / "Procfile").read_text()).processes["web"]
        if application:
            assert _PRODUCT.search(command)
            command = _PRODUCT.sub(application, command)
        if by_wsgi:
            assert _RSGI in command
            command = command.replace(_RSGI, "--interface wsgi --blocking-threads 4")
        port = free_port()
        log_path = self.folder / f"{application or 'web'}-{port}.log"
        with log_path.open("wb") as log:
            process = self.start(command, {"PORT": str(port), **environment}, log)
            try:
                _wait_until_it_answers(process, port, log_path)
                web = Web(port, process)
                _wait_until_all_listen(web)
                yield web
            finally:
                stop_all([process], stop_signal=signal.SIGTERM, seconds=5)

    @contextmanager
    def process(self, *arguments: str, **environment: str) -> Iterator[Path]:
        """A command of manage.py that runs until the block ends; its log."""
        log_path = self.folder / f"{arguments[0]}-{time.monotonic_ns()}.log"
        with log_path.open("wb") as log:
            process = self.start(shlex.join(["python", "manage.py", *arguments]), environment, log)
            try:
                yield log_path
            finally:
                stop_all([process], stop_signal=signal.SIGTERM, seconds=10)

    def start(self, command: str, environment: Mapping[str, str], log: BinaryIO) -> Child:
        """A command line `python ...` of the checkout; `environment` is added to the stage's."""
        path = {"PATH": f"{Path(self.python).parent}:{os.environ['PATH']}"}
        return spawn(
            ["/bin/sh", "-c", f"exec {command}"],
            places=Places(data=self.folder),
            environment={**self.environment, **path, **environment},
            cwd=self.checkout,
            stdout=log,
            stderr=log,
        )


@dataclass(frozen=True)
class Web:
    """A granian with its workers."""

    port: int
    process: Child

    @property
    def workers(self) -> list[psutil.Process]:
        """The processes that have the application."""
        return psutil.Process(self.process.pid).children()

    def processor_seconds(self) -> float:
        """What the workers have used of the processors since their start."""
        used = [worker.cpu_times() for worker in self.workers]
        return float(sum(one.user + one.system for one in used))


@dataclass(frozen=True)
class Person:
    """A user with an access token."""

    user: User

    @cached_property
    def token(self) -> str:
        return str(AccessToken.for_user(self.user))


def people(name: str, count: int) -> list[Person]:
    """New users, `count` of them, who sign in by token."""
    users = [User(email=f"{name}-{number}@example.test", password="!") for number in range(count)]
    return [Person(user) for user in User.objects.bulk_create(users)]


def wait_for(port: int) -> None:
    """Until a process listens there. Raises RuntimeError."""
    until = time.monotonic() + _START_SECONDS
    while time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=10).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"Nothing listens at {port}.")


def execute(statement: str) -> None:
    """Run one statement that the benchmark itself has written."""
    with connection.cursor() as cursor:
        cursor.execute(statement)


def own_processor_seconds() -> float:
    """What this process and its session of PostgreSQL have used of the processors."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        session = psutil.Process(cursor.fetchone()[0]).cpu_times()
    return time.process_time() + session.user + session.system


def empty_tables() -> None:
    execute(f"TRUNCATE {_FILLED} CASCADE")


def _wait_until_all_listen(web: Web) -> None:
    """One that answers may be the first of several; the others' start would be measured."""
    deadline = time.monotonic() + _START_SECONDS
    while not all(worker.net_connections() for worker in web.workers):
        if time.monotonic() > deadline:
            raise RuntimeError("Not all workers of the web process listen.")
        time.sleep(0.1)


def _wait_until_it_answers(process: Child, port: int, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        client = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        try:
            client.request("GET", "/")
            client.getresponse()
            return
        except OSError:
            time.sleep(0.1)
        finally:
            client.close()
    raise RuntimeError(f"The web process does not answer:\n{log.read_text()[-3000:]}")
