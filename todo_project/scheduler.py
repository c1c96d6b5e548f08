"""The scheduler of Celery's beat: it sends what the admin's table of ticks says, at little cost."""

from datetime import datetime
from time import monotonic
from typing import Any

import structlog
from django.db import InterfaceError, OperationalError, connection
from django_celery_beat.schedulers import DatabaseScheduler

log = structlog.get_logger(__name__)

# How long a change made in the table takes to be seen; only the settings change it, at a start.
CHANGES_EVERY_SECONDS = 5.0


class Scheduler(DatabaseScheduler):  # type: ignore[misc] # untyped
    """Keeps the schedule it has while the table cannot be read, and reads it as soon as it can.

    The library's own reads it again every five minutes and after each change, and ends beat if the database
    is unavailable at that moment.
    """

    _next_look = 0.0

    def adjust(self, n: float, drift: float = 0.0) -> float:
        """Seconds to wait for a tick that is due in `n`: exactly those.

        Celery's own wakes 10 ms early and then loops, with a query each time, until the tick is due.
        """
        return super().adjust(n, drift)  # type: ignore[no-any-return]

    def schedule_changed(self) -> bool:
        """Whether the table has changed; asked at most every CHANGES_EVERY_SECONDS."""
        if monotonic() < self._next_look:
            return False
        self._next_look = monotonic() + CHANGES_EVERY_SECONDS
        return super().schedule_changed()  # type: ignore[no-any-return]

    @property
    def schedule(self) -> Any:
        try:
            return super().schedule
        except (OperationalError, InterfaceError) as error:
            if self._schedule is None:  # there is none to continue with
                raise
            log.warning("schedule_not_read", error=str(error))
            connection.close()
            self._last_full_sync = datetime.min  # noqa: DTZ901 - compared with the library's own local times
            return self._schedule
