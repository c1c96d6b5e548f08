"""Spares most requests Django's check of their connection, a `SELECT 1` (setting CONN_HEALTH_CHECKS).

A server that ends a connection says so on its socket, which costs no round trip to see. A server that has
vanished without that is away for longer than TRUSTED_SECONDS, and then Django's check finds it.
Source: docs/decisions/0023-what-a-request-costs.md.
"""

import select
import time
from math import inf
from threading import local
from typing import Any

from django.core.signals import request_started
from django.db import connection
from django.dispatch import receiver

# A thread that has begun no request for this long has its connection checked by Django.
TRUSTED_SECONDS = 2.0

_thread = local()


@receiver(request_started)
def trust_connection_in_use(**_: Any) -> None:
    """Runs after Django's own receiver, which asks for a check in each request."""
    last, _thread.began = getattr(_thread, "began", -inf), time.monotonic()
    kept = connection.connection
    if kept is None or kept.closed or _thread.began - last >= TRUSTED_SECONDS:
        return
    socket = select.poll()
    socket.register(kept, select.POLLIN)
    # Nothing has been asked, so whatever there is to read says that the connection ends.
    connection.health_check_done = not socket.poll(0)  # type: ignore[attr-defined] # not in its stubs
