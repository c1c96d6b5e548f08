from time import sleep
from typing import Any

from django.core.management.commands import migrate
from django.db import OperationalError, connections
from psycopg.errors import DeadlockDetected, LockNotAvailable

# Requests that come after a migration that waits for its lock wait behind it, at most 5 s (web_process.py).
LOCK_SECONDS = 2
ATTEMPTS = 30
PAUSE_SECONDS = 1.0


class Command(migrate.Command):
    """Django's, beside running processes: a lock that does not come soon is given up, and asked for again.

    A migration locks tables that transactions of the running release use, some in another order. Each is a
    transaction of its own, so what failed is as it was, and what was applied is not applied again.
    """

    def handle(self, *args: Any, **options: Any) -> None:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                self._handle(*args, **options)
                return
            except OperationalError as error:
                in_the_way = isinstance(error.__cause__, (DeadlockDetected, LockNotAvailable))
                connection = connections[options["database"]]
                if connection.in_atomic_block or not in_the_way or attempt == ATTEMPTS:
                    raise
                connection.close()
                self.stderr.write(f"  {str(error).splitlines()[0]}: again in {PAUSE_SECONDS:g} s")
                sleep(PAUSE_SECONDS)

    def _handle(self, *args: Any, **options: Any) -> None:
        with connections[options["database"]].cursor() as cursor:
            cursor.execute(f"SET lock_timeout = {LOCK_SECONDS * 1000:.0f}")
            super().handle(*args, **options)
            cursor.execute("RESET lock_timeout")
