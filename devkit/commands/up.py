"""`./todo up`: the whole backend in the foreground, until Ctrl-C or SIGTERM."""

import errno
import json
import os
import shutil
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass

from devkit.commands.stopping import StopRequested, stop_on_signals
from devkit.embedded import StartError
from devkit.embedded.children import forking, spawning
from devkit.embedded.claim import claim
from devkit.embedded.instance import instance_environment, published
from devkit.embedded.output import say
from devkit.embedded.places import Places, places_of_this_checkout
from devkit.embedded.preload import preload
from devkit.embedded.processes import INSTANCE, stop_leftovers
from devkit.embedded.services import Servers, services
from devkit.embedded.supervisor import Supervisor, procfile

READY_SECONDS = 180  # of a busy machine; what is waited for is said long before
SAY_AFTER_SECONDS = 3
# The others are asked at the ports of web and stream; these make a file (todo_project/readiness.py).
WITHOUT_PORT = ("worker", "ticker", "beat")
_NAMES = {"database": "PostgreSQL (DATABASE_URL)", "state_store": "Redis or Valkey (REDIS_URL)"}

# Elsewhere a fork may break what its parent has loaded (macOS: some of its own frameworks).
_FORKS = sys.platform == "linux"

# A proxy that the environment names is not for addresses of this machine.
_DIRECTLY = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True)
class Address:
    """Where a process listens."""

    host: str
    port: int

    @property
    def url(self) -> str:
        """The URL for clients on this machine."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"


def run(_arguments: list[str]) -> int:
    address = _address()
    places = places_of_this_checkout()
    _be_found(places)
    try:
        with stop_on_signals(), claim(places, command="up", url=address.url):
            if left := stop_leftovers(places):
                say(f"./todo: stopped {left} processes of an earlier run that was killed.")
            _require_free(address, "PORT")
            _require_free(_stream_address(address), "STREAM_PORT")
            _serve(places, address)
    except StopRequested:
        say("./todo: stopped.")
    return 0


def _address() -> Address:
    return Address(host=os.environ.get("HOST") or "127.0.0.1", port=_port("PORT", "8000"))


def _stream_address(address: Address) -> Address:
    """Where the live stream is: at STREAM_PORT, by default the next port."""
    return Address(host=address.host, port=_port("STREAM_PORT", str(min(address.port + 1, 65535))))


def _port(name: str, default: str) -> int:
    port = os.environ.get(name) or default
    if not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise StartError(f"{name} is {port!r}; it must be a number from 1 to 65535.")
    return int(port)


def _require_free(address: Address, variable: str) -> None:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    try:
        socket.create_server((address.host, address.port), family=family).close()
    except OSError as error:
        reason = "is taken" if error.errno == errno.EADDRINUSE else f"cannot be used ({error.strerror})"
        raise StartError(
            f"port {address.port} on {address.host} {reason}; choose another with {variable}."
        ) from error


def _be_found(places: Places) -> None:
    """Start again with the variable by which the next start finds what is left of us, if it is not there yet.

    A fork shows the environment that its parent was started with, whatever has been added since.
    """
    if os.environ.get(INSTANCE) != str(places.data):
        environment = os.environ | {INSTANCE: str(places.data)}
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], environment)


def _serve(places: Places, address: Address) -> None:
    def environment_with(servers: Mapping[str, str]) -> dict[str, str]:
        return _environment(places, address, servers)

    def load(servers: Mapping[str, str]) -> None:
        if _FORKS:
            preload(environment_with(servers) | _surroundings(places))

    # Looked up before the environment of the roles is added to ours.
    given = dict(os.environ)
    is_given = bool(os.environ.get("OPERATOR_PASSWORD"))
    password = "in OPERATOR_PASSWORD" if is_given else f"in {places.secrets / 'operator_password'}"
    with services(places, meanwhile=load) as servers:
        environment = environment_with(servers.environment)
        begin = (
            forking(places) if _FORKS else spawning(places, os.environ | environment | _surroundings(places))
        )
        with published(places, _settings_of(given) | environment), Supervisor(places, begin) as supervisor:
            _start_all(supervisor)
            _wait_until_ready(places, address, supervisor, servers)
            supervisor.pass_on_output()
            say(_ready_line(address, environment["OPERATOR_EMAIL"], password))
            supervisor.keep(servers.ours)


def _environment(places: Places, address: Address, servers: Mapping[str, str]) -> dict[str, str]:
    return instance_environment(places, servers) | {
        "HOST": address.host,
        "PORT": str(address.port),
        "STREAM_PORT": str(_stream_address(address).port),
        "PUBLIC_URL": os.environ.get("PUBLIC_URL") or address.url,
        "LOG_FORMAT": os.environ.get("LOG_FORMAT") or "console",
    }


def _settings_of(environment: Mapping[str, str]) -> dict[str, str]:
    """Those variables that are settings: the shell may have others, and they are not ours to write down."""
    from todo_project.settings import env

    return {name: environment[name] for name in env.asked if name in environment}


def _surroundings(places: Places) -> dict[str, str]:
    """What the roles need besides, and commands that find the running instance do not."""
    for folder in (places.metrics, places.ready):
        shutil.rmtree(folder, ignore_errors=True)  # an earlier run's, whose process ids come again
        folder.mkdir(mode=0o700)
    return {
        "PYTHONUNBUFFERED": "1",
        # The Procfile says `python`: the one of this environment.
        "PATH": os.pathsep.join([os.path.dirname(sys.executable), os.environ.get("PATH", os.defpath)]),
        "PROMETHEUS_MULTIPROC_DIR": str(places.metrics),
    }


def _start_all(supervisor: Supervisor) -> None:
    """Web starts while the database is prepared, which the others need."""
    commands = procfile()
    supervisor.start("web", commands.pop("web"))
    supervisor.run("prepare", "python -m devkit.commands.prepare")
    for name, command in commands.items():
        supervisor.start(name, command)


def _wait_until_ready(places: Places, address: Address, supervisor: Supervisor, servers: Servers) -> None:
    started = time.monotonic()
    said = False
    while missing := _missing(places, address):
        waited = time.monotonic() - started
        if waited > SAY_AFTER_SECONDS and not said:
            said = True
            say(f"./todo: waiting: {missing}")
        if waited > READY_SECONDS:
            raise StartError(f"not ready after {READY_SECONDS} seconds: {missing} (see {places.logs}).")
        # Each question about a Redis that is down is a warning in the log of the web.
        supervisor.require_all_running(servers.ours, seconds=0.05 if waited < SAY_AFTER_SECONDS else 0.5)


def _missing(places: Places, address: Address) -> str:
    """What is not ready yet, in words; empty when all is."""
    roles = [f"{role} is not ready" for role in WITHOUT_PORT if not (places.ready / role).exists()]
    url = f"{address.url}/healthz/ready?all=true"
    reasons = [_what_is_not_ready(url) or _what_is_not_ready(f"{_stream_address(address).url}/healthz/ready")]
    return "; ".join([*filter(None, reasons), *roles])


def _what_is_not_ready(url: str) -> str:
    """Empty when the answer is 200; otherwise what the answer, or its absence, says."""
    try:
        with _DIRECTLY.open(url, timeout=5):
            return ""
    except urllib.error.HTTPError as answer:
        return _in_words(answer.read().decode(errors="replace"))
    except OSError as error:
        return f"{url} does not answer ({error})"


def _in_words(answer: str) -> str:
    try:
        checks = json.loads(answer)["checks"]
    except (ValueError, KeyError):
        return answer
    wrong = {_NAMES.get(name, name): state for name, state in checks.items() if state != "ok"}
    return "; ".join(f"{name}: {state}" for name, state in wrong.items())


def _ready_line(address: Address, email: str, password: str) -> str:
    return (
        f"Ready: {address.url}/app/ | API {address.url}/api/ | "
        f"stream {_stream_address(address).url}/api/stream | "
        f"docs {address.url}/api/docs | admin {address.url}/admin/ "
        f"(sign in as {email}, the password is {password})"
    )
