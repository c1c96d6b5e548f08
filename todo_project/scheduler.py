"""Which ticks beat sends: what the admin's table says, and what it said last while PostgreSQL is away."""

from datetime import datetime
from typing import Any

import structlog
from django.db import InterfaceError, OperationalError, connection
from django_celery_beat.schedulers import DatabaseScheduler

log = structlog.get_logger(__name__)


class Scheduler(DatabaseScheduler):  # type: ignore[misc] # untyped
    """Goes on with the schedule it has when the table cannot be read; then reads it as soon as it can.

    The library's own reads it anew every five minutes, and whenever it has changed, and ends beat when the
    database is away in just that moment.
    """

    @property
    def schedule(self) -> Any:
        try:
            return super().schedule
        except (OperationalError, InterfaceError) as error:
            if self._schedule is None:  # there is none to go on with
                raise
            log.warning("schedule_not_read", error=str(error))
            connection.close()
            self._last_full_sync = datetime.min  # noqa: DTZ901 - held against the library's own local times
            return self._schedule
