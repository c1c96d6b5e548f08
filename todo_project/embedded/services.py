"""PostgreSQL and Valkey together: ours, unless the environment names others."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from todo_project.embedded.claim import claim, is_claimed
from todo_project.embedded.places import Places
from todo_project.embedded.postgres import Postgres
from todo_project.embedded.postgres_home import remove_cluster
from todo_project.embedded.processes import stop_leftovers
from todo_project.embedded.valkey import Valkey

_TEMPORARY = f"todo-test-{os.geteuid()}-"


@contextmanager
def services(places: Places, *, durable: bool = True) -> Iterator[dict[str, str]]:
    """DATABASE_URL and REDIS_URL of servers that run until the block ends; what the environment gives is kept.

    The caller holds the claim of `places`. Raises StartFailure when one cannot start.
    """
    given = {name: os.environ[name] for name in ("DATABASE_URL", "REDIS_URL") if os.environ.get(name)}
    ours: dict[str, Postgres | Valkey] = {}
    with ExitStack() as stopping:
        if "REDIS_URL" not in given:
            ours["REDIS_URL"] = Valkey(places, durable=durable)
        if "DATABASE_URL" not in given:
            ours["DATABASE_URL"] = Postgres(places, durable=durable)
        for server in ours.values():
            stopping.callback(server.stop)
            server.start()
        for server in ours.values():
            server.wait_until_ready()
        yield given | {name: server.url for name, server in ours.items()}


@contextmanager
def temporary_services(command: str) -> Iterator[dict[str, str]]:
    """As `services`, on data of their own that are fast, not durable, and gone afterwards."""
    _remove_abandoned()
    places = Places(data=Path(tempfile.mkdtemp(prefix=_TEMPORARY)))
    try:
        with claim(places, command=command), services(places, durable=False) as environment:
            yield environment
    finally:
        _remove(places)


def _remove_abandoned() -> None:
    """What runs that were killed left behind."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_TEMPORARY}*"):
        places = Places(data=folder)
        if places.lock.exists() and not is_claimed(places):
            stop_leftovers(places)
            _remove(places)


def _remove(places: Places) -> None:
    remove_cluster(places)
    shutil.rmtree(places.data, ignore_errors=True)
