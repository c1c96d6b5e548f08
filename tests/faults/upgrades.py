"""Two releases beside each other on one database: an instance whose processes come from two checkouts."""

import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from honcho.environ import parse_procfile

from devkit.embedded.places import Places
from devkit.embedded.ports import free_port
from devkit.embedded.processes import spawn, stop_all
from devkit.embedded.services import remove_instance
from tests.acceptance.calls import call
from tests.acceptance.instance import PASSWORD, Instance
from tests.acceptance.processes import ROOT, eventually
from tests.acceptance.web import UNLIMITED
from tests.faults.client import StubbornClient
from tests.faults.journal import Journal

# As docs/operations/upgrades.md has it: those that read events before those that write new ones.
UPGRADE = ("relay", "worker", "ticker", "beat", "stream", "web")
DOWNGRADE = tuple(reversed(UPGRADE))


def checkout_of(commit: str, folder: Path) -> Path:
    """The files of that commit in the folder."""
    folder.mkdir()
    archive = subprocess.run(["git", "archive", commit], cwd=ROOT, capture_output=True, check=True).stdout
    subprocess.run(["tar", "-x", "-C", str(folder)], input=archive, check=True)
    return folder


class Release:
    """One checkout's processes on the instance's servers, its web at a port of its own."""

    def __init__(self, name: str, checkout: Path, servers: Instance) -> None:
        self.name, self.checkout, self.servers = name, checkout, servers
        self.port = free_port()
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def run(self, command: str) -> None:
        """Run a command to its end."""
        assert self._spawn("command", command).wait(180) == 0, self._log("command").read_text()[-3000:]

    def start(self, role: str) -> None:
        """Start a process of its Procfile; of web, wait until it answers."""
        commands = dict(parse_procfile((self.checkout / "Procfile").read_text()).processes)
        self.processes[role] = self._spawn(role, commands[role])
        if role == "web":
            eventually(self._answers)

    def stop(self, role: str) -> None:
        stop_all([self.processes.pop(role)], stop_signal=signal.SIGTERM, seconds=20)

    def require_alive(self) -> None:
        for role, process in self.processes.items():
            assert process.poll() is None, self._log(role).read_text()[-3000:]

    def errors(self) -> list[str]:
        """Lines of its logs that are errors."""
        logs = self.servers.places.logs.glob(f"{self.name}-*.log")
        lines = (line for log in logs for line in log.read_text().splitlines())
        return [line.strip()[:500] for line in lines if '"level": "error"' in line or "Traceback" in line]

    def _answers(self) -> bool:
        self.require_alive()
        try:
            return call(self.port, "GET", "/healthz/live").status == 200
        except OSError:
            return False

    def _spawn(self, role: str, command: str) -> subprocess.Popen[bytes]:
        ports = {"PORT": str(self.port), "STREAM_PORT": str(free_port())}
        metrics = self.servers.places.data / f"{self.name}-metrics"
        metrics.mkdir(exist_ok=True)
        with self._log(role).open("ab") as log:
            return spawn(
                ["/bin/sh", "-c", f"exec {command}"],
                places=self.servers.places,
                environment=self.servers.environment
                | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
                | ports
                | {"PROMETHEUS_MULTIPROC_DIR": str(metrics)},
                cwd=self.checkout,
                stdout=log,
                stderr=log,
            )

    def _log(self, role: str) -> Path:
        return self.servers.places.logs / f"{self.name}-{role}.log"


class Load:
    """People who create daily tasks, change and complete them, at any of the ports that are open."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.ports: list[int] = []
        self.tasks: list[int] = []
        self.completed: list[int] = []
        self.requests = 0
        self.failures: list[BaseException] = []
        self._stopping = threading.Event()

    @contextmanager
    def of(self, people: int) -> Iterator[None]:
        threads = [threading.Thread(target=self._write, args=[number]) for number in range(people)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._stopping.set()
            for thread in threads:
                thread.join()
        assert not self.failures, self.failures

    def _write(self, number: int) -> None:
        client = StubbornClient(self.ports[0], self.journal)
        try:
            account = {"email": f"writer{number}@example.test", "password": PASSWORD}
            client.ask("POST", "/api/auth/register", account)
            client.token = client.ask("POST", "/api/auth/token", account)[0].answer["access"]
            while not self._stopping.is_set():
                self._one(client)
        except BaseException as error:
            self.failures.append(error)
        finally:
            client.close()

    def _one(self, client: StubbornClient) -> None:
        daily = {"title": uuid4().hex, "due_at": "2030-05-01T09:00:00Z", "recurrence_rule": "daily"}
        task = self._ask(client, "POST", "/api/tasks", daily, 201)["id"]
        self.tasks.append(task)
        self._ask(client, "PATCH", f"/api/tasks/{task}", {"title": uuid4().hex, "tags": ["home"]}, 200)
        self._ask(client, "GET", "/api/tasks", None, 200)
        self._ask(client, "POST", f"/api/tasks/{task}/complete", None, 200)
        self.completed.append(task)

    def _ask(
        self, client: StubbornClient, method: str, path: str, body: object, status: int
    ) -> dict[str, int]:
        port = random.choice(self.ports)  # as a load balancer does
        if port != client.port:
            client.close()
            client.port = port
        self.requests += 1
        entry, _ = client.ask(method, path, body)
        assert entry.status == status, entry
        return dict(entry.answer)


@contextmanager
def servers(folder: Path) -> Iterator[Instance]:
    """PostgreSQL and Valkey alone."""
    places = Places(data=folder)
    places.make()
    running = Instance(places, durable=True, **UNLIMITED, ACCESS_TOKEN_MINUTES="600", LOG_LEVEL="WARNING")
    try:
        for server in (running.postgres, running.valkey):
            server.start()
        for server in (running.postgres, running.valkey):
            server.wait_until_ready()
        yield running
    finally:
        running.stop_all()
        remove_instance(places)
