"""Instances of the backend on folders and ports of their own."""

import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from devkit.embedded.places import CHECKOUT, Places
from devkit.embedded.processes import INSTANCE, stop_leftovers
from devkit.embedded.services import remove_instance
from tests.acceptance.migrated import give_migrated_cluster

# What `./todo test` sets for the tests: an instance that is being tested must start its own.
GIVEN = {"DATABASE_URL", "REDIS_URL", "SECRET_KEY", "TODO_ENV", "TODO_DATA_DIR", "PORT", "HOST"}


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Places]:
    """A data directory, gone afterwards with all that ran on it; the environment names no servers."""
    for name in GIVEN:
        monkeypatch.delenv(name, raising=False)
    # A path as people have them: with a space, and too long for a socket.
    places = Places(
        data=tmp_path / "someone's rather long folder name for the things to do" / "data directory"
    )
    yield places
    stop_leftovers(places)
    remove_instance(places)


@pytest.fixture
def migrated(places: Places) -> Places:
    """As `places`, with a database that has all migrations: a first start is ready sooner."""
    give_migrated_cluster(places)
    return places


def environment_for(places: Places, **more: str) -> dict[str, str]:
    """The environment of a stranger's shell, for an instance at `places`."""
    own = {name: value for name, value in os.environ.items() if name not in GIVEN}
    return own | {"TODO_DATA_DIR": str(places.data)} | more


@contextmanager
def python_running(code: str, places: Places) -> Iterator[subprocess.Popen[str]]:
    """A Python process that runs `code`, which knows `places`, and stays at `hold()` until the block ends."""
    setting = f"""
        import sys
        from pathlib import Path
        from devkit.embedded.places import Places
        places = Places(data=Path({str(places.data)!r}))
        def hold():
            print("holding", flush=True)
            sys.stdin.read()
    """
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(setting) + textwrap.dedent(code)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=CHECKOUT,
        env=environment_for(places),
    )
    with process:
        assert process.stdout
        assert process.stdout.readline() == "holding\n"
        yield process


def processes_of(places: Places) -> list[str]:
    """The command lines of everything that runs for this data directory."""
    cluster = str((places.postgres / "cluster").resolve())
    found = []
    for process in psutil.process_iter():
        try:
            ours = process.environ().get(INSTANCE) == str(places.data)
            if ours or (process.name() == "postgres" and process.cwd() == cluster):
                found.append(" ".join(process.cmdline()))
        except psutil.Error:
            continue
    return found


def wait_until(condition: Callable[[], object], *, seconds: float = 180) -> None:
    """Poll other processes, which have no clock of ours to freeze; fails when the time is over."""
    deadline, pause = time.monotonic() + seconds, 0.02
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(pause)
        pause = min(pause * 1.5, 0.3)  # what is waited for needs the processor too
