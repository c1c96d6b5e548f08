"""A whole instance of its own: PostgreSQL, Valkey and every process of the Procfile, each of which may die.

`./todo up` starts one that has died again; here the others are left to cope.
"""

import os
import secrets
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPException
from pathlib import Path
from typing import Any

import psycopg

from devkit.embedded.instance import instance_environment
from devkit.embedded.places import Places
from devkit.embedded.ports import free_port
from devkit.embedded.postgres import Postgres
from devkit.embedded.processes import INSTANCE, stop_all
from devkit.embedded.services import remove_instance
from devkit.embedded.supervisor import procfile
from devkit.embedded.valkey import Valkey
from tests.acceptance import forks
from tests.acceptance.calls import Answer, call
from tests.acceptance.migrated import give_migrated_cluster
from tests.acceptance.processes import eventually

PASSWORD = "correct horse battery staple"


class Instance:
    """`environment` is what its processes see; `processes` are they, by their name in the Procfile."""

    def __init__(self, places: Places, *, durable: bool = False, **environment: str) -> None:
        self.places = places
        self.postgres, self.valkey = Postgres(places, durable=durable), Valkey(places, durable=False)
        # PostgreSQL asks for no password on its socket; here each process has one to keep to itself.
        self.database_password = secrets.token_urlsafe(18)
        with_password = self.postgres.url.replace("todo@", f"todo:{self.database_password}@", 1)
        servers = {"DATABASE_URL": with_password, "REDIS_URL": self.valkey.url}
        self.port = free_port()
        surroundings = {
            "PORT": str(self.port),
            "HOST": "127.0.0.1",
            "PUBLIC_URL": f"http://127.0.0.1:{self.port}",
            "PROMETHEUS_MULTIPROC_DIR": str(places.metrics),
            "PUSH_ALLOW_INSECURE_ENDPOINTS": "true",
            "LOG_LEVEL": "INFO",
        }
        made = instance_environment(places, servers)
        ours = {INSTANCE: str(places.data)} | made | servers | surroundings | environment
        self.environment = os.environ | ours
        self.processes: dict[str, forks.Fork] = {}
        self._stack = ExitStack()

    def start(self, name: str, command: str | None = None) -> None:
        """Start a process of the Procfile (`relay2` is another relay); what it writes is added to its log."""
        command = command or procfile()[name.rstrip("23456789")]
        # What has other settings than the rest cannot share the project with it.
        parent = self._parent if self.environment == self._shared else forks.server()
        with self.log(name).open("ab") as log:
            self.processes[name] = parent.start(command, self.environment, output=log.fileno())

    def start_all(self) -> None:
        self.places.metrics.mkdir()
        self._shared = self.environment
        with self.log("project").open("ab") as log:
            sharing = forks.server().with_project(self._shared, log.fileno())
            self._parent = self._stack.enter_context(sharing)
        for server in (self.postgres, self.valkey):
            server.start()
        for server in (self.postgres, self.valkey):
            server.wait_until_ready()
        self.start("prepare", "python -m devkit.commands.prepare")
        assert self.processes.pop("prepare").wait(300) == 0, self.log("prepare").read_text()
        for name in procfile():
            self.start(name)
        eventually(self.is_ready, seconds=300)

    def stop_all(self) -> None:
        stop_all(list(self.processes.values()), stop_signal=signal.SIGTERM, seconds=10)
        self._stack.close()
        self.valkey.stop()
        self.postgres.stop()

    def log(self, name: str) -> Path:
        return self.places.logs / f"{name}.log"

    def is_ready(self) -> bool:
        for name, process in self.processes.items():
            assert process.poll() is None, self.log(name).read_text()
        try:
            return self.call("GET", "/healthz/ready?all=true").status == 200
        except (OSError, HTTPException):
            return False

    def call(self, method: str, path: str, body: object = None, *, token: str = "", **headers: str) -> Answer:
        """What its web answers."""
        return call(self.port, method, path, body, token=token, **headers)

    def sign_up(self, email: str, password: str = PASSWORD) -> str:
        """Register and sign in a user; returns the access token."""
        account = {"email": email, "password": password}
        assert self.call("POST", "/api/auth/register", account).status == 201
        answer = self.call("POST", "/api/auth/token", account)
        assert answer.status == 200, answer
        return str(answer.body["access"])

    def rows(self, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
        """What PostgreSQL answers."""
        with psycopg.connect(self.postgres.url) as connection:
            return connection.execute(statement, parameters).fetchall()  # type: ignore[arg-type]

    def run(self, statements: str) -> None:
        """Have PostgreSQL run them."""
        with psycopg.connect(self.postgres.url) as connection:
            connection.execute(statements)  # type: ignore[call-overload]

    def metrics(self) -> str:
        answer = self.call("GET", "/metrics", token=self.environment["METRICS_TOKEN"])
        assert answer.status == 200
        return str(answer.body)


@contextmanager
def instance(folder: Path, *, durable: bool = False, **environment: str) -> Iterator[Instance]:
    """A running instance with its data in `folder`; `environment` has more settings.

    `durable`: what PostgreSQL acknowledged outlives its own death.
    """
    places = Places(data=folder)
    give_migrated_cluster(places)
    running = Instance(places, durable=durable, **environment)
    try:
        running.start_all()
        yield running
    finally:
        running.stop_all()
        remove_instance(places)
