"""A PgBouncer in transaction mode before the tests' PostgreSQL: Debian's, or the program PGBOUNCER names."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest

from devkit.embedded.ports import free_port
from devkit.embedded.processes import stop_all
from tests.acceptance.processes import eventually

# Two sessions of the server for all clients: they get another one at almost every transaction.
_CONFIGURATION = """
[databases]
* = host={sockets} port=5432 user=todo
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 2
logfile = {folder}/pgbouncer.log
"""


def pgbouncer() -> str:
    """The program; without one the test is skipped, and fails in CI."""
    program = os.environ.get("PGBOUNCER") or shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
    if not program:
        assert not os.environ.get("CI"), "CI installs PgBouncer"
        pytest.skip("there is no PgBouncer")
    return program


@contextmanager
def pooler(direct_url: str) -> Iterator[str]:
    """The URL of the same database through the pooler, until the block ends."""
    program, url = pgbouncer(), urlsplit(direct_url)
    sockets, port = parse_qs(url.query)["host"][0], free_port()
    # The socket's folder is its owner's, and PgBouncer does not run as root.
    owner = os.stat(sockets).st_uid
    with tempfile.TemporaryDirectory() as folder:
        configuration = Path(folder) / "pgbouncer.ini"
        configuration.write_text(_CONFIGURATION.format(sockets=sockets, port=port, folder=folder))
        os.chown(folder, owner, -1)
        process = subprocess.Popen([program, "--quiet", str(configuration)], cwd=folder, user=owner)
        try:
            pooled = url._replace(netloc=f"todo@127.0.0.1:{port}", query="").geturl()
            eventually(lambda: _answers(pooled))
            yield pooled
        finally:
            stop_all([process], stop_signal=signal.SIGINT, seconds=5)


def _answers(url: str) -> bool:
    try:
        psycopg.connect(url).close()
    except psycopg.OperationalError:
        return False
    return True
