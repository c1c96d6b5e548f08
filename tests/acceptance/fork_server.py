"""Forks processes of the project: what each of them would import first, a second of a processor, is there.

`python -m tests.acceptance.fork_server DESCRIPTOR`, started by tests/acceptance/forks.py, which asks at that
socket. Libraries alone are imported here: settings, models and whatever needs them come from the environment
of each fork. One of the forks may be a server itself, with the project and the settings of one environment.
A server has one thread and no connection, and measures no coverage; the others do.
"""

import gc
import json
import multiprocessing
import os
import signal
import socket
import sys
from importlib import import_module
from typing import NamedTuple

import todo_project  # noqa: F401 - first: it decides where zones come from, for all that follow

# isort: split
import coverage

from devkit.embedded.children import run_python
from devkit.embedded.preload import LIBRARIES, preload
from devkit.embedded.processes import ask_for_signal_when_parent_dies

LIMIT_BYTES = 128 * 1024
# What comes with the project, and needs no settings. Not prometheus_client: a variable of the environment
# decides what it is.
MODULES = (
    *LIBRARIES,
    "confluent_kafka.admin",
    "django.contrib.admin",
    "django.contrib.postgres.fields",
    "django.contrib.postgres.indexes",
    "django.contrib.postgres.search",
    "django.core.handlers.asgi",
    "django.core.management",
    "django.db.backends.postgresql.base",
    "django.db.migrations.executor",
    "django.test.signals",
    "django.views.generic",
    "django_filters",
    "environ",
    "jwt",
    "orjson",
    "pydantic.fields",
    "pydantic.json_schema",
    "redis.asyncio",
    "requests",
    "rest_framework.serializers",
    "starlette.applications",
    "structlog",
    "whitenoise.middleware",
)


class Asked(NamedTuple):
    """What a fork is for: the command line that it is to run, or the socket that it is to serve."""

    command: str
    descriptor: int


def main(descriptor: int) -> None:
    for name in MODULES:
        import_module(name)
    asked = serve(descriptor)
    if asked and not asked.command:
        preload({})
        asked = serve(asked.descriptor)
    if asked:
        coverage.process_startup()
        run_python(asked.command)


def serve(descriptor: int) -> Asked | None:
    """Answer until the other end is closed; None then, and in a fork what it is for."""
    gc.collect()
    gc.freeze()  # so that the forks share it
    with socket.socket(fileno=descriptor) as connection:
        while True:
            text, descriptors, _flags, _address = socket.recv_fds(connection, LIMIT_BYTES, 3)
            if not text:
                return None
            asked = json.loads(text)
            if "pid" in asked:
                answer = exit_code(asked["pid"])
            else:
                answer = fork(descriptors, asked["environment"])
                if not answer:
                    return Asked(asked["command"], descriptors[-1])
            connection.send(json.dumps(answer).encode())


def exit_code(pid: int) -> int | None:
    """As Popen's poll()."""
    ended, status = os.waitpid(pid, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if ended else None


def fork(descriptors: list[int], environment: dict[str, str]) -> int:
    """The process id of the fork, which has a session of its own by then; 0 in the fork."""
    begun, begins = os.pipe()
    parent = os.getpid()
    if pid := os.fork():
        for descriptor in (begins, *descriptors):
            os.close(descriptor)
        os.read(begun, 1)
        os.close(begun)
        return pid
    become(parent, descriptors[:2], environment)
    for descriptor in (begun, begins):
        os.close(descriptor)
    return 0


def become(parent: int, output: list[int], environment: dict[str, str]) -> None:
    """What Popen does for a process with a session of its own, this environment and this output."""
    os.setsid()
    if ask := ask_for_signal_when_parent_dies(signal.SIGTERM):
        ask()
    if os.getppid() != parent:
        sys.exit("The fork server has ended.")
    os.environ.clear()
    os.environ.update(environment)
    for number, descriptor in enumerate(output, 1):
        os.dup2(descriptor, number)
        os.close(descriptor)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    multiprocessing.set_start_method("fork", force=True)  # granian's workers share it too


if __name__ == "__main__":
    main(int(sys.argv[1]))
