"""The instance the demo uses: one that runs, or one of its own while the demo runs."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from environ import Env

from devkit.commands.up import Address
from devkit.demo.client import Client
from devkit.demo.steps import Teller, require, wait_for
from devkit.embedded.instance import running_environment
from devkit.embedded.places import CHECKOUT, Places, places_of_this_checkout
from devkit.embedded.ports import free_port
from devkit.embedded.processes import last_line, spawn, stop_all, stop_leftovers
from devkit.embedded.services import remove_instance

_READY_SECONDS = 240  # `up` itself takes 180 at most, and then says what is missing
_STOP_SECONDS = 12  # `up` itself takes 10 at most
_INSECURE = "PUSH_ALLOW_INSECURE_ENDPOINTS"
# All that our own instance takes from the environment, so that no setting can lead it to other data.
_SURROUNDINGS = ("PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH")

# The next `./todo test` removes what a killed story leaves under such a name.
_TEMPORARY = f"todo-test-{os.geteuid()}-demo-"


@dataclass(frozen=True)
class Instance:
    """Where to call. `database_url` is empty when only HTTP reaches it; an own one has a `log`."""

    url: str
    database_url: str = ""
    log: Path | None = None

    @property
    def is_own(self) -> bool:
        """Whether it was started for the story, and goes with it."""
        return self.log is not None


@contextmanager
def found_or_started(teller: Teller) -> Iterator[Instance]:
    """The instance that TODO_URL names, else the one that runs on TODO_DATA_DIR, else one of its own; ready.

    Raises StepFailedError when it cannot be used. What was started is stopped and removed at the end,
    however that comes.
    """
    if url := os.environ.get("TODO_URL"):
        instance = _ready(Instance(url.rstrip("/")))
        teller.say("ok", "Instance", f"{instance.url}, named by TODO_URL, is ready")
        yield instance
        return
    places = places_of_this_checkout()
    running = running_environment(places)
    if running and Env.parse_value(running.get(_INSECURE) or "false", bool):
        instance = _ready(_instance(running))
        teller.say("ok", "Instance", f"the one that runs at {instance.url} is ready")
        yield instance
    else:
        why = "none runs here"
        if running:
            why = f"the one that runs takes push endpoints on public addresses only ({_INSECURE} is not true)"
        teller.say("", "Instance", f"{why}, so one is started for the story ...")
        with own_instance() as instance:
            parts = "PostgreSQL, Valkey, web, stream, workers, beat, relay; no Kafka"
            teller.say("ok", "Instance", f"one of its own is ready at {instance.url} ({parts})")
            yield instance


def _instance(environment: Mapping[str, str], log: Path | None = None) -> Instance:
    address = Address(host=environment["HOST"], port=int(environment["PORT"]))
    return Instance(address.url, environment["DATABASE_URL"], log)


def _ready(instance: Instance) -> Instance:
    path = "/healthz/ready?all=true"
    status, text = Client(instance.url).send("GET", path)
    require(status == 200, f"{instance.url}{path} answers {status}: {text}")
    return instance


@contextmanager
def own_instance(**settings: str) -> Iterator[Instance]:
    """A temporary instance, ready, with these settings besides; its data is the folder of its log."""
    places = Places(data=Path(tempfile.mkdtemp(prefix=_TEMPORARY)).resolve())
    log = places.data / "up.log"
    try:
        up = _start(places, log, settings)
        try:
            yield _wait_until_up(places, up, log)
        finally:
            _ignore_signals()
            stop_all([up], stop_signal=signal.SIGTERM, seconds=_STOP_SECONDS)
            stop_leftovers(places)
    finally:
        remove_instance(places)


def _ignore_signals() -> None:
    """A second Ctrl-C must not cut the clean-up short."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


def _start(places: Places, log: Path, settings: Mapping[str, str]) -> subprocess.Popen[bytes]:
    kept = {name: os.environ[name] for name in _SURROUNDINGS if name in os.environ}
    own = {"TODO_DATA_DIR": str(places.data), "PORT": str(free_port()), _INSECURE: "true"}
    with log.open("wb") as output:
        return spawn(
            [sys.executable, "-m", "devkit.launcher", "up"],
            places=places,
            environment=kept | own | dict(settings),
            cwd=CHECKOUT,
            stdout=output,
            stderr=subprocess.STDOUT,
        )


def _wait_until_up(places: Places, up: subprocess.Popen[bytes], log: Path) -> Instance:
    def look() -> Instance | None:
        code = up.poll()
        require(code is None, f"`./todo up` ended with exit code {code}: {last_line(log)}")
        # It says so after it has seen that all of it is.
        is_ready = any(line.startswith("Ready: ") for line in log.read_text(errors="replace").splitlines())
        return _instance(running_environment(places), log) if is_ready else None

    return wait_for(look, seconds=_READY_SECONDS, what="`./todo up` was not ready")
