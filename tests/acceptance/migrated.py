"""A cluster of PostgreSQL that has all migrations: made once for this process, copied for each instance.

Each first start would apply them again, six seconds of a processor. A test that is about the first start does
not use it.
"""

import atexit
import os
import subprocess
import tempfile
from functools import cache
from pathlib import Path

from devkit.embedded.instance import instance_environment
from devkit.embedded.places import Places
from devkit.embedded.postgres import Postgres
from devkit.embedded.postgres_home import find_postgres_home
from devkit.embedded.services import remove_instance
from tests.acceptance.forks import server


def give_migrated_cluster(places: Places) -> None:
    """Let the first start at this data directory find its tables; nothing else is there of an earlier one."""
    places.make()
    subprocess.run(["cp", "-a", _cluster(), find_postgres_home(places).folder / "cluster"], check=True)


@cache
def _cluster() -> Path:
    places = Places(data=Path(tempfile.mkdtemp(prefix="todo-migrated-")))
    atexit.register(remove_instance, places)
    places.make()
    postgres = Postgres(places, durable=False)
    postgres.start()
    try:
        postgres.wait_until_ready()
        environment = os.environ | instance_environment(places, {"DATABASE_URL": postgres.url})
        migrate = server().start("python manage.py migrate --verbosity 0", environment)
        assert migrate.wait(300) == 0
    finally:
        postgres.stop()
    return find_postgres_home(places).folder / "cluster"
