"""What the project's queues in PostgreSQL share: parked events, due mails, deliveries.

Each row is due at its `next_attempt_at`. An attempt begins with a lease: that time moves forward, in a short
transaction, before anything is tried. So no one else takes the row meanwhile, and the row of a process that
dies comes due again. Constants, order and what ends a row belong to each queue.

A clock that was ahead writes times that are hours away once it is right again. So a row is also due when its
time is further ahead than the row may have to wait (`longest`). All times that rows wait for follow this
rule, those in other rooms too.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, TypeVar

from django.db.models import Model, Q, QuerySet

Row = TypeVar("Row", bound=Model)

# Keeps one call far below a tick's time limit; the next tick goes on.
BATCHES_PER_CALL = 20


def backoff(attempts: int, *, first: timedelta, longest: timedelta = timedelta.max) -> timedelta:
    """How long to wait after this many attempts: `first`, doubled with each one more, at most `longest`."""
    doublings = min(attempts - 1, 20)  # a million times the first, and no overflow
    return min(first * (1 << doublings), longest)


def due(now: datetime, *, longest: timedelta, field: str = "next_attempt_at") -> Q:
    """The rows that are due, of which none may have to wait for longer than `longest`."""
    return Q(**{f"{field}__lte": now}) | Q(**{f"{field}__gt": now + longest})


def is_due(at: datetime, now: datetime, *, longest: timedelta) -> bool:
    """The same of one row's time."""
    return at <= now or at > now + longest


def passed(now: datetime, *, wait: timedelta, field: str) -> Q:
    """The rows whose time is at least `wait` ago, or ahead of now: it was written by a clock that was."""
    return Q(**{f"{field}__lte": now - wait}) | Q(**{f"{field}__gt": now})


def lock_due(rows: QuerySet[Row], now: datetime, *, longest: timedelta) -> QuerySet[Row]:
    """Those that are due, the oldest first, locked; rows that others have locked are passed over."""
    found = rows.filter(due(now, longest=longest)).order_by("next_attempt_at")
    return found.select_for_update(skip_locked=True, no_key=True)


def lease(row: Model, *, until: datetime, **changes: Any) -> None:
    """Keep a locked row from others until then; `changes` are written with it."""
    changes["next_attempt_at"] = until
    for name, value in changes.items():
        setattr(row, name, value)
    row.save(update_fields=list(changes))


def drain(batch: Callable[[], int], *, full: int = 1) -> int:
    """Call `batch` until it does fewer than `full` rows, at most BATCHES_PER_CALL times; how many in all."""
    done = 0
    for _ in range(BATCHES_PER_CALL):
        some = batch()
        done += some
        if some < full:
            break
    return done


def purge(rows: QuerySet[Row], *, batch: int) -> int:
    """Delete the first `batch` of the rows, in their order, with what belongs to them; how many rows.

    A row that is no longer one of them when it is deleted stays: a mail may be requested again meanwhile.
    """
    chosen = list(rows.values_list("pk", flat=True)[:batch])
    _, deleted = rows.filter(pk__in=chosen).delete()
    return deleted.get(rows.model._meta.label, 0)
