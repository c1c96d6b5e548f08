"""The embedded PostgreSQL: on a Unix socket in a folder closed to other users, so it needs no password."""

import hashlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from urllib.parse import quote

from devkit.embedded import StartError
from devkit.embedded.places import Places
from devkit.embedded.postgres_home import PostgresHome, find_postgres_home
from devkit.embedded.processes import last_line, open_log, spawn, stop_all, stop_postgres

_START_SECONDS = 60  # recovery after a crash takes its time

_SETTINGS = {
    "listen_addresses": "",
    "max_connections": "100",
    "shared_buffers": "64MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # Processes that an instance on one machine has no work for.
    "io_method": "sync",
    "max_logical_replication_workers": "0",
}
_NOT_DURABLE = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "max_connections": "400",  # all workers of pytest-xdist share one server, with dozens of sessions each
}

_INITDB = [
    "--username=todo",
    "--auth=trust",
    "--encoding=UTF8",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--locale=C",
]


class Postgres:
    """One server with the database `todo`. `durable` False: fast, and lost in a crash (for tests)."""

    name = "postgres"

    def __init__(self, places: Places, *, durable: bool) -> None:
        self._places = places
        self._durable = durable
        self._home = find_postgres_home(places)
        self._cluster = self._home.folder / "cluster"
        self._sockets = socket_folder(self._home)
        self._log = places.logs / "postgres.log"
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"postgresql://todo@:5432/todo?host={quote(str(self._sockets), safe='')}"

    def start(self) -> None:
        """Start the server, after making the cluster at the first start, without waiting until it is ready.

        Raises StartError when the cluster cannot be made or was made by another major version.
        """
        if not self._cluster.exists():
            self._make_cluster()
        self._require_same_version()
        # Another process may have the old server's process id; the claim says that no server runs here.
        for stale in (self._cluster / "postmaster.pid", *self._sockets.glob(".s.PGSQL.*")):
            stale.unlink(missing_ok=True)
        settings = (
            _SETTINGS
            | {"unix_socket_directories": str(self._sockets)}
            | ({} if self._durable else _NOT_DURABLE)
        )
        with open_log(self._log) as log:
            self.process = spawn(
                [self._program("postgres"), "-D", str(self._cluster), *_as_options(settings)],
                places=self._places,
                environment=_ENVIRONMENT,
                stop_signal=signal.SIGINT,
                stdout=log,
                stderr=log,
                **self._identity(),
            )

    def wait_until_ready(self) -> None:
        """Return when it accepts connections; raises StartError when it does not within a minute."""
        deadline = time.monotonic() + _START_SECONDS
        ask = [self._program("pg_isready"), "--quiet", "--host", str(self._sockets)]
        while time.monotonic() < deadline and self.process and self.process.poll() is None:
            if subprocess.run(ask, env=_ENVIRONMENT).returncode == 0:
                return
            time.sleep(0.05)
        raise StartError(f"PostgreSQL does not start: {last_line(self._log)} (see {self._log})")

    def exit_code(self) -> int | None:
        """None while it runs."""
        return self.process.poll() if self.process else None

    def restart(self) -> None:
        """Start it again after it has ended by itself, without waiting until it is ready."""
        stop_postgres(self._places)  # a new server beside an old one's session would ruin the cluster
        self.start()

    def stop(self) -> None:
        """Stop it and wait until it has ended; it is killed when that takes more than 3 seconds."""
        stop_all([self.process] if self.process else [], stop_signal=signal.SIGINT, seconds=3)

    def _program(self, name: str) -> str:
        return str(self._home.programs / name)

    def _identity(self) -> dict[str, object]:
        user = self._home.user
        return {"cwd": self._home.folder} | (
            {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if user else {}
        )

    def _make_cluster(self) -> None:
        """Made aside and renamed: a start that is killed half-way leaves nothing like a cluster."""
        unfinished = self._home.folder / "unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        self._run("initdb", "-D", str(unfinished), *_INITDB, *([] if self._durable else ["--no-sync"]))
        self._run("postgres", "--single", "-D", str(unfinished), "postgres", text="CREATE DATABASE todo;\n")
        unfinished.rename(self._cluster)

    def _run(self, program: str, *arguments: str, text: str = "") -> None:
        done = subprocess.run(
            [self._program(program), *arguments],
            input=text,
            capture_output=True,
            text=True,
            env=_ENVIRONMENT,
            **self._identity(),  # type: ignore[call-overload]
        )
        if done.returncode:
            lines = (done.stderr or done.stdout).strip().splitlines() or ["no reason given"]
            raise StartError(f"{program} failed: {lines[-1]}")

    def _require_same_version(self) -> None:
        made_by = (self._cluster / "PG_VERSION").read_text().strip()
        said = subprocess.run([self._program("postgres"), "--version"], capture_output=True, text=True).stdout
        if f" {made_by}." not in said:
            raise StartError(
                f"the database in {self._cluster} was made by PostgreSQL {made_by}; this is {said.strip()}."
            )


_ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}


def _as_options(settings: dict[str, str]) -> list[str]:
    return [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]


def socket_folder(home: PostgresHome) -> Path:
    """A folder for the socket: beside the cluster when its path is fit for one, else a short one of our own.

    A socket's path has about 100 bytes, and a comma or a space in it means something else to clients.
    """
    folder = home.folder / "socket"
    if len(os.fsencode(folder)) > 85 or not re.fullmatch(r"[\w./+-]+", str(folder), re.ASCII):
        digest = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
        folder = Path(tempfile.gettempdir()) / f"todo-{os.geteuid()}-{digest}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if home.user:
        os.chown(folder, home.user.pw_uid, home.user.pw_gid)
    elif folder.is_symlink() or folder.stat().st_uid != os.geteuid():
        raise StartError(f"{folder} belongs to another user, so PostgreSQL's socket cannot be there.")
    return folder
