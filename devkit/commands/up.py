"""`./todo up`: the whole backend in the foreground, until Ctrl-C or SIGTERM."""

import errno
import os
import shutil
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from devkit.commands.stopping import StopRequested, stop_on_signals
from devkit.embedded import StartError
from devkit.embedded.claim import claim
from devkit.embedded.instance import instance_environment, published
from devkit.embedded.places import Places, places_of_this_checkout
from devkit.embedded.processes import stop_leftovers
from devkit.embedded.services import Servers, services
from devkit.embedded.supervisor import Supervisor, procfile

_READY_SECONDS = 60

# A proxy that the environment names is not for addresses of this machine.
_DIRECTLY = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True)
class Address:
    """Where a process listens."""

    host: str
    port: int

    @property
    def url(self) -> str:
        """The address for somebody on this machine."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"


def run(_arguments: list[str]) -> int:
    address = _address()
    places = places_of_this_checkout()
    try:
        with stop_on_signals(), claim(places, command="up", url=address.url):
            if left := stop_leftovers(places):
                print(f"./todo: stopped {left} processes of an earlier run that was killed.", flush=True)
            _require_free(address, "PORT")
            _require_free(_stream_address(address), "STREAM_PORT")
            _serve(places, address)
    except StopRequested:
        print("./todo: stopped.", flush=True)
    return 0


def _address() -> Address:
    return Address(host=os.environ.get("HOST") or "127.0.0.1", port=_port("PORT", "8000"))


def _stream_address(address: Address) -> Address:
    """Where the live stream is: at STREAM_PORT, which is the next one unless somebody says otherwise."""
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


def _serve(places: Places, address: Address) -> None:
    with services(places) as servers:
        environment = _environment(places, address, servers)
        with (
            published(places, environment),
            Supervisor(places, os.environ | environment | _surroundings(places)) as supervisor,
        ):
            _start_all(supervisor, lambda: _wait_until_ready(places, address, supervisor, servers))
            print(_ready_line(places, address, environment), flush=True)
            supervisor.wait(servers.processes)


def _environment(places: Places, address: Address, servers: Servers) -> dict[str, str]:
    return instance_environment(places, servers.environment) | {
        "HOST": address.host,
        "PORT": str(address.port),
        "STREAM_PORT": str(_stream_address(address).port),
        "LOG_FORMAT": os.environ.get("LOG_FORMAT") or "console",
    }


def _surroundings(places: Places) -> dict[str, str]:
    """What our processes need besides, and commands that find the running instance do not."""
    shutil.rmtree(places.metrics, ignore_errors=True)  # an earlier run's, whose process ids come again
    places.metrics.mkdir(mode=0o700)
    return {
        "PYTHONUNBUFFERED": "1",
        # The Procfile says `python`: the one of this environment.
        "PATH": os.pathsep.join([os.path.dirname(sys.executable), os.environ.get("PATH", os.defpath)]),
        "PROMETHEUS_MULTIPROC_DIR": str(places.metrics),
    }


def _start_all(supervisor: Supervisor, wait_until_ready: Callable[[], None]) -> None:
    """In an order that is soon ready on two cores, where starting all at once makes each wait for the others.

    Web loads its code while the database is prepared; readiness needs relay and stream, not worker and beat.
    """
    commands = procfile()
    supervisor.start("web", commands.pop("web"))
    supervisor.run("prepare", "python -m devkit.commands.prepare")
    supervisor.start("relay", commands.pop("relay"))
    supervisor.start("stream", commands.pop("stream"))
    wait_until_ready()
    for name, command in commands.items():
        supervisor.start(name, command)


def _wait_until_ready(places: Places, address: Address, supervisor: Supervisor, servers: Servers) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    missing = "nothing answers"
    while time.monotonic() < deadline:
        supervisor.require_all_running(servers.processes)
        missing = _what_is_not_ready(f"{address.url}/healthz/ready?all=true") or _what_is_not_ready(
            f"{_stream_address(address).url}/healthz/ready"
        )
        if not missing:
            return
        time.sleep(0.4)
    raise StartError(f"not ready after {_READY_SECONDS} seconds: {missing} (see {places.logs}).")


def _what_is_not_ready(url: str) -> str:
    """Empty when the answer is 200; otherwise what the answer, or its absence, says."""
    try:
        with _DIRECTLY.open(url, timeout=5):
            return ""
    except urllib.error.HTTPError as answer:
        return answer.read().decode(errors="replace")
    except OSError as error:
        return f"{url} does not answer ({error})"


def _ready_line(places: Places, address: Address, environment: Mapping[str, str]) -> str:
    given = os.environ.get("OPERATOR_PASSWORD")
    password = "in OPERATOR_PASSWORD" if given else f"in {places.secrets / 'operator_password'}"
    return (
        f"Ready: API {address.url}/api/ | stream {_stream_address(address).url}/api/stream | "
        f"docs {address.url}/api/docs | admin {address.url}/admin/ "
        f"(sign in as {environment['OPERATOR_EMAIL']}, the password is {password})"
    )
