"""A pytest plugin: each worker of pytest-xdist has its own ports and database of Valkey, as of PostgreSQL.

Loaded by name (pyproject.toml), because Django reads its settings before any conftest.
"""

import os
from urllib.parse import urlsplit

from devkit.embedded import ports

if worker := os.environ.get("PYTEST_XDIST_WORKER"):
    number = int(worker.removeprefix("gw")) + 1
    os.environ["REDIS_URL"] = urlsplit(os.environ["REDIS_URL"])._replace(path=f"/{number}").geturl()
    # A port that one worker has drawn is free for the others until its server listens.
    share = len(ports.PORTS) // int(os.environ["PYTEST_XDIST_WORKER_COUNT"])
    ports.PORTS = ports.PORTS[(number - 1) * share : number * share]
