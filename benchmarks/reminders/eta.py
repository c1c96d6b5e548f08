"""The way without a column of what is due: a Celery task for each reminder, with its time as the ETA."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from benchmarks.measuring import Side, Turn
from benchmarks.reminders.claims import make_due
from benchmarks.reminders.eta_worker import ring
from benchmarks.stage import Stage
from devkit.embedded.processes import stop_all
from notifications_app.models import Reminder
from tasks_app.models import Task

# From the first message until the reminders are due; the messages are sent meanwhile.
LEAD_SECONDS = 1.0
MESSAGES_PER_SECOND = 300
PATIENCE_SECONDS = 180.0
_COMMAND = "python -m celery --quiet --app benchmarks.reminders.eta_worker worker --concurrency 2"


@contextmanager
def worker(stage: Stage) -> Iterator[None]:
    """A worker with two processes, as the Procfile's has, until the block ends."""
    with (stage.folder / f"eta-{time.monotonic_ns()}.log").open("wb") as log:
        settings = {"DJANGO_SETTINGS_MODULE": os.environ["DJANGO_SETTINGS_MODULE"]}
        process = stage.start(f"{_COMMAND} --without-gossip --without-mingle", settings, log)
        try:
            yield
        finally:
            stop_all([process], stop_signal=signal.SIGTERM, seconds=10)


def side() -> Side:
    """Every task once in each turn, however long that takes."""
    return Side("Celery, a task with an ETA each", lambda _seconds: _turn())


def _turn() -> Turn:
    """From the time of all reminders, or from the last message if that was later, until the last row."""
    ids = list(Task.objects.values_list("pk", flat=True))
    eta = datetime.now(UTC) + timedelta(seconds=LEAD_SECONDS + len(ids) / MESSAGES_PER_SECOND)
    make_due(eta)
    for pk in ids:
        ring.apply_async((pk,), eta=eta)
    begin, until = max(eta, datetime.now(UTC)), time.monotonic() + PATIENCE_SECONDS
    while (handled := Reminder.objects.count()) < len(ids):
        if time.monotonic() > until:
            raise RuntimeError(f"The worker has handled {handled} of {len(ids)} tasks.")
        time.sleep(0.02)
    seconds = (datetime.now(UTC) - begin).total_seconds()
    return Turn([seconds / len(ids)] * len(ids), seconds)
