"""PostgreSQL and Valkey together: ours, unless the environment names others."""

import os
import shutil
import stat
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from devkit.embedded.claim import claim, is_claimed
from devkit.embedded.places import Places
from devkit.embedded.postgres import Postgres
from devkit.embedded.postgres_home import remove_cluster
from devkit.embedded.processes import stop_leftovers
from devkit.embedded.valkey import Valkey

_TEMPORARY = f"todo-test-{os.geteuid()}-"
_YOUNG_SECONDS = 60


@dataclass(frozen=True)
class Servers:
    """What `environment` names (DATABASE_URL, REDIS_URL), and those of them that are `ours`."""

    environment: dict[str, str]
    ours: Sequence[Postgres | Valkey] = ()

    @property
    def processes(self) -> dict[str, subprocess.Popen[bytes]]:
        """The main process of each of ours, by its name."""
        return {server.name: server.process for server in self.ours if server.process}


@contextmanager
def services(
    places: Places,
    *,
    durable: bool = True,
    meanwhile: Callable[[Mapping[str, str]], object] = lambda _environment: None,
) -> Iterator[Servers]:
    """Servers that run until the block ends; those that the environment names are used instead.

    `meanwhile` is called with their environment while they start.
    The caller holds the claim of `places`. Raises StartError when one cannot start.
    """
    ours: dict[str, Postgres | Valkey] = {}
    if not os.environ.get("REDIS_URL"):
        ours["REDIS_URL"] = Valkey(places, durable=durable)
    if not os.environ.get("DATABASE_URL"):
        ours["DATABASE_URL"] = Postgres(places, durable=durable)
    environment = {name: os.environ[name] for name in ("DATABASE_URL", "REDIS_URL") if name not in ours}
    environment |= {name: server.url for name, server in ours.items()}
    with ExitStack() as stopping:
        for server in ours.values():
            stopping.callback(server.stop)
            server.start()
        meanwhile(environment)
        for server in ours.values():
            server.wait_until_ready()
        yield Servers(environment, list(ours.values()))


@contextmanager
def temporary_services(command: str, *, durable: bool = False) -> Iterator[Servers]:
    """As `services`, on data of their own that are gone afterwards; fast and not durable unless asked for."""
    _remove_abandoned()
    places = Places(data=Path(tempfile.mkdtemp(prefix=_TEMPORARY)))
    try:
        with claim(places, command=command), services(places, durable=durable) as servers:
            yield servers
    finally:
        remove_instance(places)


def _remove_abandoned() -> None:
    """What runs that were killed left behind. A young folder may be of a run that is about to claim it."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_TEMPORARY}*"):
        places = Places(data=folder)
        if _is_old_and_ours(folder) and not is_claimed(places):
            stop_leftovers(places)
            remove_instance(places)


def _is_old_and_ours(folder: Path) -> bool:
    """Any user can put anything into the folder for temporary files, even a link to our home."""
    about = folder.lstat()
    return (
        stat.S_ISDIR(about.st_mode)
        and about.st_uid == os.geteuid()
        and about.st_mtime < time.time() - _YOUNG_SECONDS
    )


def remove_instance(places: Places) -> None:
    """Remove a data directory and its cluster for good. Nothing of it may be running."""
    remove_cluster(places)
    shutil.rmtree(places.data, ignore_errors=True)
