"""When each tick last ran, for probes, metrics and the admin: whatever stops beat or the ticks shows here.

The row is in PostgreSQL, because a tick runs in any of several processes and is asked about in others.
"""

from collections.abc import Mapping
from time import monotonic
from typing import Any

import structlog
from celery.signals import task_postrun
from celery.states import SUCCESS
from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection
from django.utils import timezone

from todo_project.models import TickRun

log = structlog.get_logger(__name__)

SCAN = "scan-reminders"
# Reminders are late by as much as this. Beat sends the scan once in 30 s even without work.
SILENT_AFTER_SECONDS = 60.0
# A tick that runs each second is not written down each second.
RECORDED_EVERY_SECONDS = 10.0

# By tick, in this process; monotonic.
recorded_at: dict[str, float] = {}
# Not ORM: a clock that was set back must not be kept from writing its earlier time.
_RECORD = """
    INSERT INTO tick_runs (name, last_run_at) VALUES (%s, %s)
    ON CONFLICT (name) DO UPDATE SET last_run_at = excluded.last_run_at
"""


def record_run(name: str) -> None:
    """Record that the tick has just run. A database error is only logged: the tick itself has succeeded."""
    now = monotonic()
    if now - recorded_at.get(name, float("-inf")) < RECORDED_EVERY_SECONDS:
        return
    try:
        with connection.cursor() as cursor:
            cursor.execute(_RECORD, [name, timezone.now()])
        recorded_at[name] = now
    except DatabaseError as error:
        log.warning("tick_run_not_recorded", tick=name, error=str(error))


def seconds_since_runs() -> dict[str, float | None]:
    """Seconds since the last run of each tick of the settings.

    None if it never ran, or at a time that is still to come: a clock was ahead then.
    """
    now = timezone.now()
    runs = dict(TickRun.objects.values_list("name", "last_run_at"))
    ages = {
        name: (now - runs[name]).total_seconds() for name in settings.CELERY_BEAT_SCHEDULE if name in runs
    }
    return {
        name: age if (age := ages.get(name, -1.0)) >= 0 else None for name in settings.CELERY_BEAT_SCHEDULE
    }


def trouble_of_scan(seconds: Mapping[str, float | None]) -> str:
    """What is wrong with the reminder scan, given the seconds since each tick ran; empty if nothing is."""
    age = seconds.get(SCAN)
    if age is None:
        return "has not run yet"
    return f"has not run for {age:.0f} s" if age > SILENT_AFTER_SECONDS else ""


def trouble_of_ticker() -> str:
    """The same for a probe of the process that runs the ticks, on a connection that is closed afterwards."""
    try:
        return trouble_of_scan(seconds_since_runs())
    except DatabaseError as error:
        log.warning("not_ready", error=str(error))
        return "unknown while the database does not answer"
    finally:
        connection.close()


@task_postrun.connect
def _record(task: Any, state: str | None = None, **_signal: Any) -> None:
    if state == SUCCESS and not task.request.is_eager:
        for name, tick in settings.CELERY_BEAT_SCHEDULE.items():
            if tick["task"] == task.name:
                record_run(name)
