"""The processes that deliver reminders, as the Procfile has them, and what they use of the processors."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
from django.conf import settings
from django.db import connection
from honcho.environ import parse_procfile
from redis import Redis

from benchmarks.stage import Stage
from devkit.embedded.instance import new_vapid_key
from devkit.embedded.places import Places
from devkit.embedded.processes import spawn, stop_all

ROLES = ("worker", "ticker", "beat", "relay")
START_SECONDS = 180


@dataclass
class Backend:
    """Running processes, by role."""

    stage: Stage
    processes: dict[str, subprocess.Popen[bytes]]

    def processor_seconds(self) -> dict[str, float]:
        """What each role has used of the processors since its start, with PostgreSQL and Valkey."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            postmaster = psutil.Process(cursor.fetchone()[0]).parent()
        valkey = Redis.from_url(settings.REDIS_URL).info("server")["process_id"]
        roots = {role: psutil.Process(process.pid) for role, process in self.processes.items()}
        assert postmaster
        roots |= {"postgresql": postmaster, "valkey": psutil.Process(valkey)}
        return {role: _seconds_of_tree(root) for role, root in roots.items()}

    def children(self, role: str) -> list[psutil.Process]:
        """The processes that a role has started."""
        return psutil.Process(self.processes[role].pid).children(recursive=True)


@contextmanager
def backend(stage: Stage, roles: Sequence[str] = ROLES) -> Iterator[Backend]:
    """The processes, until the block ends. They are ready when a reminder would be delivered."""
    surroundings = {
        "VAPID_PRIVATE_KEY": new_vapid_key(),
        "VAPID_SUBJECT": "mailto:operator@todo-operator.net",
        "PUSH_ALLOW_INSECURE_ENDPOINTS": "true",
        "PATH": f"{Path(stage.python).parent}:{os.environ['PATH']}",
    }
    commands = parse_procfile((stage.checkout / "Procfile").read_text()).processes
    processes: dict[str, subprocess.Popen[bytes]] = {}
    with ExitStack() as logs:
        try:
            for role in roles:
                log = logs.enter_context((stage.folder / f"{role}-{time.monotonic_ns()}.log").open("wb"))
                processes[role] = spawn(
                    ["/bin/sh", "-c", f"exec {commands[role]}"],
                    places=Places(data=stage.folder),
                    environment={**stage.environment, **surroundings},
                    cwd=stage.checkout,
                    stdout=log,
                    stderr=log,
                )
            yield Backend(stage, processes)
        finally:
            stop_all(list(processes.values()), stop_signal=signal.SIGTERM, seconds=10)


def _seconds_of_tree(root: psutil.Process) -> float:
    total = 0.0
    for process in [root, *root.children(recursive=True)]:
        try:
            used = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        # With those of its children that have ended, such as sessions of PostgreSQL.
        total += used.user + used.system + used.children_user + used.children_system
    return total
