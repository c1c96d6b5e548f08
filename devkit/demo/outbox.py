"""A look into the instance's outbox: what no client can see, read in its database and only read."""

from collections.abc import Sequence
from typing import Any

import psycopg

from devkit.demo.steps import StepFailedError


class Outbox:
    """The table outbox_events: events on their way from a committed change to the broker."""

    def __init__(self, database_url: str) -> None:
        self._database_url = database_url

    def written(self) -> int:
        """How many rows it was ever given: each takes a number, also when it is gone again."""
        sequence = "pg_get_serial_sequence('outbox_events', 'id')"
        return self._count(f"SELECT coalesce(pg_sequence_last_value({sequence}::regclass), 0)")

    def waiting(self, task_id: int) -> int:
        """How many events of the task have not been taken yet."""
        return self._count("SELECT count(*) FROM outbox_events WHERE subject = %s", [str(task_id)])

    def _count(self, query: str, values: Sequence[Any] = ()) -> int:
        try:
            with psycopg.connect(self._database_url, autocommit=True, connect_timeout=5) as connection:
                row = connection.execute(query, values).fetchone()
        except psycopg.Error as error:
            raise StepFailedError(f"the instance's database cannot be read: {error}") from error
        assert row
        return int(row[0])
