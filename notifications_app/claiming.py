"""Claim deliveries that are due: a lease for each, in one short transaction for many.

A lease moves `next_attempt_at` forward: no other worker takes the delivery meanwhile, and if this one dies,
the delivery comes due again. Deliveries that another worker has locked are skipped. Nothing here waits for a
lock, so tasks need not be locked first.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from database.questions import Question
from notifications_app.models import Delivery
from notifications_app.planning import REMINDER_TTL
from notifications_app.retrying import LONGEST_WAIT
from notifications_app.wanted import end_before_sending, end_of_wait, load_named

# A send takes SEND_SECONDS at most (sending.py). If a worker dies, its deliveries are late by this much.
LEASE = timedelta(seconds=30)

_LEASE = """
    WITH moved AS (
        UPDATE deliveries SET next_attempt_at = moved.at
        FROM unnest(%s::bigint[], %s::timestamptz[]) AS moved (id, at) WHERE deliveries.id = moved.id
    )
    INSERT INTO delivery_attempts (delivery_id, at, error) SELECT unnest(%s::bigint[]), %s, ''
    RETURNING delivery_id, id
"""
# What a notice names is not due before the notice has ended (notices.py).
_PROLONG = """
    UPDATE deliveries SET expires_at = prolonged.at,
        next_attempt_at = CASE sent_with_id WHEN prolonged.id THEN prolonged.at ELSE next_attempt_at END
    FROM unnest(%s::bigint[], %s::timestamptz[]) AS prolonged (id, at)
    WHERE prolonged.id IN (deliveries.id, deliveries.sent_with_id)
"""


@dataclass(frozen=True)
class Lease:
    """One worker's right to send one delivery until `ends_at`; its attempt, None if it must not be sent."""

    delivery: Delivery
    ends_at: datetime
    attempt_id: int | None


@dataclass
class Claimed:
    """What one claim found: deliveries to send, those to end without sending, and how many were put off."""

    leases: list[Lease] = field(default_factory=list)
    ended: list[tuple[Lease, Delivery.State]] = field(default_factory=list)
    put_off: int = 0

    @property
    def found(self) -> int:
        """How many deliveries were due."""
        return len(self.leases) + len(self.ended) + self.put_off


def _no_wait(_delivery: Delivery) -> timedelta:
    return timedelta(0)


@Question
def has_due(now: datetime) -> QuerySet[Delivery, Any]:
    """Whether a delivery is due, and no worker has a lease on it."""
    return _due(now).values("pk").union(_ahead(now).values("pk"), all=True)


@transaction.atomic
def claim(
    limit: int, *, wait: Callable[[Delivery], timedelta] = _no_wait, only: int | None = None
) -> Claimed:
    """Claim at most `limit` due deliveries, the oldest first, or only that one.

    A delivery is postponed by what `wait` returns for it, if that is more than zero.
    """
    now = timezone.now()
    # By statistics from before a burst little is due: PostgreSQL would read all of it, to sort it, for each
    # claim (4.6 s where 80,000 were due, and 8 ms in the order of the index).
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_sort = off")
    rows = _lock(_due(now), limit, only) or _lock(_ahead(now), limit, only)
    load_named([delivery for delivery in rows if delivery.notice], now)
    turns = [_turn_of(delivery, now, wait) for delivery in rows]
    if not turns:
        return Claimed()
    sends = [turn.delivery.pk for turn in turns if turn.is_sent]
    prolonged = {turn.delivery.pk: turn.prolonged_to for turn in turns if turn.prolonged_to}
    with connection.cursor() as cursor:
        ids, times = [turn.delivery.pk for turn in turns], [turn.at for turn in turns]
        cursor.execute(_LEASE, [ids, times, sends, now])
        attempts = dict(cursor.fetchall())
        if prolonged:
            cursor.execute(_PROLONG, [list(prolonged), list(prolonged.values())])
    leases = [Lease(turn.delivery, turn.at, attempts.get(turn.delivery.pk)) for turn in turns]
    return Claimed(
        leases=[lease for lease, turn in zip(leases, turns, strict=True) if turn.is_sent],
        ended=[(lease, turn.end) for lease, turn in zip(leases, turns, strict=True) if turn.end],
        put_off=sum(not turn.is_sent and not turn.end for turn in turns),
    )


@dataclass(frozen=True, kw_only=True)
class _Turn:
    """What becomes of a delivery that is due: it is sent, ends in the state `end`, or is put off.

    `at` is the end of the lease, or until when it is put off; `prolonged_to` the new expiry, if there is one.
    """

    delivery: Delivery
    at: datetime
    is_sent: bool = False
    end: Delivery.State | None = None
    prolonged_to: datetime | None = None


def _turn_of(delivery: Delivery, now: datetime, wait: Callable[[Delivery], timedelta]) -> _Turn:
    if state := end_before_sending(delivery, now):
        return _Turn(delivery=delivery, at=now + LEASE, end=state)
    if waits_until := end_of_wait(delivery, now):
        at = min(waits_until, now + LONGEST_WAIT)
        return _Turn(delivery=delivery, at=at, prolonged_to=waits_until + REMINDER_TTL)
    if seconds := wait(delivery):
        return _Turn(delivery=delivery, at=now + seconds)
    return _Turn(delivery=delivery, at=now + LEASE, is_sent=True)


def _due(now: datetime) -> QuerySet[Delivery]:
    return Delivery.objects.filter(state=Delivery.State.PENDING, next_attempt_at__lte=now)


def _ahead(now: datetime) -> QuerySet[Delivery]:
    """Deliveries written while the clock was ahead. Those of notices may be due later for other reasons."""
    ahead = Delivery.objects.filter(state=Delivery.State.PENDING, next_attempt_at__gt=now + LONGEST_WAIT)
    return ahead.filter(notice=None, sent_with=None)


def _lock(due: QuerySet[Delivery], limit: int, only: int | None) -> list[Delivery]:
    """The oldest of them with what a channel reads, locked."""
    chosen = due if only is None else due.filter(pk=only)
    locked = chosen.select_for_update(of=("self",), no_key=True, skip_locked=True)
    related = locked.select_related("user", "subscription", "reminder__task")
    return list(related.order_by("next_attempt_at")[:limit])
