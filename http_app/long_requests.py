"""At most two long requests of one user at a time, in all processes together.

Advisory locks of PostgreSQL decide, each held by the transaction of its request. They end with it, also when
the process dies: no lease can be too short or too long, and it does not matter whether Redis is there.
"""

from typing import Any

from django.db import connection
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from http_app.errors import TooManyAtOnce

MAX_AT_ONCE = 2
# The first key of the locks. Locks of two keys are apart from those of one, such as the relay's.
_FIRST_LOCK = 0x746F646F  # "todo" in ASCII
_TAKE = f"""
    SELECT CASE WHEN pg_try_advisory_xact_lock({_FIRST_LOCK}, %(user)s) THEN true
    ELSE pg_try_advisory_xact_lock({_FIRST_LOCK + 1}, %(user)s) END
"""


class LongRequests(BaseThrottle):
    """For writes of many rows. Runs in the transaction of the request."""

    def allow_request(self, request: Request, view: Any) -> bool:
        """True, or raises TooManyAtOnce (429)."""
        if request.user.pk and not _take_place(request.user.pk):
            detail = f"{MAX_AT_ONCE} long requests of yours are running. Send this when one has ended."
            raise TooManyAtOnce(detail)
        return True


def _take_place(user_id: Any) -> bool:
    # Of two users in some billions the locks are the same ones; then they share the two places.
    key = int.from_bytes(user_id.bytes[:4], signed=True)
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, {"user": key})
        return bool(cursor.fetchone()[0])
