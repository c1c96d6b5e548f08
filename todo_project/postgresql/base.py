import select
from typing import Any

from django.db.backends.postgresql import base
from psycopg import Connection


class DatabaseWrapper(base.DatabaseWrapper):
    """Each request looks once whether its kept connection still stands (CONN_HEALTH_CHECKS).

    Django asks by `SELECT 1`. A server that ends a connection says so on the socket, which costs no round
    trip to see; of one that vanished without a word no question learns either, before its time is over.
    """

    connection: Connection[Any] | None
    health_check_done: bool

    def close_if_health_check_failed(self) -> None:
        if self.connection is None or self.health_check_done or not self.settings_dict["CONN_HEALTH_CHECKS"]:
            return
        if self.connection.closed or _says_something(self.connection.fileno()):
            self.close()
        self.health_check_done = True


def _says_something(socket: int) -> bool:
    """Nothing is asked, so whatever there is to read is a farewell (or its end)."""
    waiting = select.poll()
    waiting.register(socket, select.POLLIN)
    return bool(waiting.poll(0))
