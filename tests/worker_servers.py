"""A pytest plugin: each worker of pytest-xdist gets a database of its own of Valkey, as of PostgreSQL.

Loaded by name (pyproject.toml), because Django reads its settings before any conftest.
"""

import os
from urllib.parse import urlsplit

if worker := os.environ.get("PYTEST_XDIST_WORKER"):
    number = int(worker.removeprefix("gw")) + 1
    os.environ["REDIS_URL"] = urlsplit(os.environ["REDIS_URL"])._replace(path=f"/{number}").geturl()
