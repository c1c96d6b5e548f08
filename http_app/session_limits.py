"""Time limits of PostgreSQL for the sessions of one process, by what the process does."""

import os

from django.conf import settings
from django.db import connection, connections


def limit_sessions(**seconds: float) -> None:
    """Give the sessions that this process opens from now on these limits, by PostgreSQL's names; 0 is none.

    DATABASE_STATEMENT_TIMEOUT and its like win: with them in the environment the settings have the limits.
    Sessions of a transaction pooler are shared, and have those of their role.
    """
    if settings.DIRECT_DATABASE:
        return
    options = connections.settings["default"]["OPTIONS"]
    limits = [
        f"-c {name}={limit * 1000:.0f}"
        for name, limit in seconds.items()
        if f"DATABASE_{name.upper()}" not in os.environ
    ]
    options["options"] = " ".join([*filter(None, [options.get("options")]), *limits])
    connection.close()  # one without them
