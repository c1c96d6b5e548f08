"""When each tick last ran, for probes, metrics and the admin: if beat or a tick stops, it shows here.

The rows are in PostgreSQL, because several processes run ticks, and others read when they ran.
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


def record_run(name: str) -> None:
    """Record that the tick has just run. A database error is only logged: the tick itself has succeeded."""
    now = monotonic()
    if now - recorded_at.get(name, float("-inf")) < RECORDED_EVERY_SECONDS:
        return
    try:
        TickRun.objects.bulk_create(
            [TickRun(name=name, last_run_at=timezone.now())],
            update_conflicts=True,
            unique_fields=["name"],
            update_fields=["last_run_at"],
        )
        recorded_at[name] = now
    except DatabaseError as error:
        log.warning("tick_run_not_recorded", tick=name, error=str(error))


def seconds_since_runs() -> dict[str, float | None]:
    """Seconds since the last run of each tick of the settings.

    None if it never ran, or if its last run is in the future, because a clock was ahead.
    """
    now = timezone.now()
    past = dict(TickRun.objects.filter(last_run_at__lte=now).values_list("name", "last_run_at"))
    return {
        name: (now - past[name]).total_seconds() if name in past else None
        for name in settings.CELERY_BEAT_SCHEDULE
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
