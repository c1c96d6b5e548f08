"""Sessions past a transaction pooler (setting DATABASE_DIRECT_URL).

Behind such a pooler each transaction of a client may run in another session, so a lock of the session, as the
relay keeps one, would be lost.
"""

from copy import deepcopy

from django.conf import settings
from django.db import connection, connections


def use_direct_connection() -> None:
    """Have this process reach PostgreSQL directly from now on; nothing without DATABASE_DIRECT_URL."""
    if settings.DIRECT_DATABASE:
        connection.close()
        connections.settings["default"].update(deepcopy(settings.DIRECT_DATABASE))
