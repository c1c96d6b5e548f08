"""The scheduler of Celery's beat: it sends what the admin's table of ticks says, at little cost."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cached_property
from time import monotonic
from typing import Any

import structlog
from celery.schedules import maybe_schedule
from django.conf import settings
from django.db import Error, InterfaceError, OperationalError, connection
from django.utils import timezone
from django.utils.module_loading import import_string
from django_celery_beat.schedulers import DatabaseScheduler, ModelEntry
from prometheus_client import Counter

from database.questions import Statement
from events_app.liveness import turned
from todo_project.readiness import say_ready

SENT = Counter("todo_ticks_sent", "Ticks that beat sent.", ["tick"])

log = structlog.get_logger(__name__)

# How long a change made in the table takes to be seen; only the settings change it, at a start.
CHANGES_EVERY_SECONDS = 5.0
# A tick without work is sent this often all the same: alerts ask when it has last run, and beat's clock may
# be behind the clock of the process that takes it.
WITHOUT_WORK_EVERY_SECONDS = 30.0


_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)


class Entry(ModelEntry):  # type: ignore[misc] # untyped
    """A tick that is due at a whole second, so that beat wakes once for all that are due in this second."""

    last_run_at: datetime

    def __next__(self) -> "Entry":
        """The tick after it has run."""
        after: Entry = super().__next__()
        every = getattr(after.schedule, "run_every", None)  # None: not an interval
        if every and not every % _SECOND:
            after.last_run_at = after.model.last_run_at = after.last_run_at.replace(microsecond=0)
        return after

    def says(self, *, schedule: Any, options: Mapping[str, Any], **fields: Any) -> bool:
        """Whether the row of the table says what this tick of CELERY_BEAT_SCHEDULE does."""
        wanted = {"args": "[]", "kwargs": "{}"} | self._unpack_options(**options) | fields
        return bool(self.schedule == maybe_schedule(schedule)) and all(
            getattr(self.model, name) == value for name, value in wanted.items()
        )

    def is_due(self) -> Any:
        """A tick that has run in the future is due now: the clock was ahead then.

        The library's own entry waits until the clock has reached that time, which may take hours.
        """
        if self.last_run_at > timezone.now():
            log.warning("tick_ran_in_the_future", tick=self.name, last_run_at=str(self.last_run_at))
            self.last_run_at = _LONG_AGO
        return super().is_due()


class Scheduler(DatabaseScheduler):  # type: ignore[misc] # untyped
    """Keeps the schedule it has while the table cannot be read, and reads it as soon as it can.

    The library's own reads it again every five minutes and after each change, and ends beat if the database
    is unavailable at that moment.
    """

    Entry = Entry
    _next_look = 0.0
    _is_ready = False
    _heap_invalidated = False  # the library's: whether it has read the table again
    _last_turn = _LONG_AGO
    _answers: dict[str, bool] | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._sent_at: dict[str, float] = {}
        super().__init__(*args, **kwargs)

    def apply_entry(self, entry: Any, producer: Any = None) -> None:
        """Send the tick if there is work for it, or if it was not sent for WITHOUT_WORK_EVERY_SECONDS."""
        now = monotonic()
        sent_at = self._sent_at.get(entry.name)
        if sent_at is None or now - sent_at >= WITHOUT_WORK_EVERY_SECONDS or self._has_work(entry.name):
            self._sent_at[entry.name] = now
            super().apply_entry(entry, producer)
            SENT.labels(entry.name).inc()

    def _has_work(self, tick: str) -> bool:
        """Whether PostgreSQL says so, which is asked once for all ticks of a turn. True if it does not.

        True for a tick that settings.TICK_HAS_WORK does not name.
        """
        if tick not in settings.TICK_HAS_WORK:
            return True
        if self._answers is None:
            self._answers = self._ask()
        return self._answers.get(tick, True)

    def _ask(self) -> dict[str, bool]:
        try:
            return dict(zip(settings.TICK_HAS_WORK, self._statement.ask(), strict=True))
        except Error:  # the process that takes the tick reports it
            connection.close()
            return {}

    @cached_property
    def _statement(self) -> Statement:
        return Statement(map(import_string, settings.TICK_HAS_WORK.values()))

    def tick(self, *args: Any, **options: Any) -> Any:
        """Beat is ready when it has sent what was due at its start, and lives while this is called."""
        turned("beat")
        self._notice_a_clock_set_back()
        wait = super().tick(*args, **options)
        if wait:  # all that was due is handled
            self._answers = None
        if not self._is_ready:
            self._is_ready = True
            say_ready()
        return wait

    def _notice_a_clock_set_back(self) -> None:
        """Plan again: the plan has times of the earlier clock, and beat looks only at the first of them."""
        now = timezone.now()
        if now < self._last_turn:
            log.warning("clock_set_back", seconds=(self._last_turn - now).total_seconds())
            self._heap = None
            self._last_full_sync = datetime.min  # noqa: DTZ901 - compared with the library's own local times
        self._last_turn = now

    def adjust(self, n: float, drift: float = 0.0) -> float:
        """Seconds to wait for a tick that is due in `n`: exactly those.

        Celery's own wakes 10 ms early and then loops, with a query each time, until the tick is due.
        """
        return super().adjust(n, drift)  # type: ignore[no-any-return]

    def update_from_dict(self, mapping: Mapping[str, Any]) -> None:
        """Write the ticks of the settings that the table does not have like this.

        The library's own writes all of them: some 200 statements at each start.
        """
        rows = self.schedule
        super().update_from_dict(
            {name: tick for name, tick in mapping.items() if name not in rows or not rows[name].says(**tick)}
        )

    def enabled_models_qs(self) -> Any:
        """All that are enabled: the library's own query leaves out what is not due soon, and costs more."""
        return self.Model.objects.enabled()

    def schedules_equal(self, *_schedules: Any) -> bool:
        """Whether the plan is of the schedule that beat has, which only a new read of the table changes.

        The library's own compares every tick at each turn.
        """
        is_new, self._heap_invalidated = self._heap_invalidated, False
        return not is_new

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
