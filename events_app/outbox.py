"""Writing events: in the transaction of the change they report, or not at all.

After the commit a hint wakes the relay. A setting names what sends it: this room knows no Redis.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, cast
from uuid import UUID

import orjson
import structlog
from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.module_loading import import_string
from uuid_utils.compat import uuid7

from database.prepared import prepared_cursor
from events_app.catalogue import CATALOGUE, parse
from events_app.models import CurrentTransactionId, OutboxEvent

# Ticks, handlers of events and commands set none.
_actor: ContextVar[str] = ContextVar("actor", default="system")


@contextmanager
def acting_as(actor: str) -> Iterator[None]:
    """Name who causes the events written in this block: user, operator or assistant:<conversation id>."""
    token = _actor.set(actor)
    try:
        yield
    finally:
        _actor.reset(token)


@dataclass(frozen=True, kw_only=True)
class NewEvent:
    """An event to write: `data` has the shape of its type in the catalogue, JSON values only.

    Events of one transaction with the same `merge_key` become one row, the last one's.
    """

    type: str
    key: str
    subject: str
    sequence: int
    data: dict[str, Any]
    merge_key: str | None = None
    time: datetime | None = None
    event_id: UUID | None = None


# Plain SQL with one parameter: a third of the time that bulk_create() takes for the two events of a task, a
# fifth for a thousand (docs/decisions/0010-fast-writes-of-tasks.md).
_INSERT = """
    INSERT INTO outbox_events
        (event_id, topic, type, key, subject, sequence, time, data, request_id, actor, merge_key, user_id)
    SELECT * FROM jsonb_to_recordset(%s::jsonb) AS event
        (event_id uuid, topic text, type text, key text, subject text, sequence bigint, time timestamptz,
         data jsonb, request_id text, actor text, merge_key text, user_id uuid)
    ON CONFLICT (transaction_id, merge_key)
"""
_AMEND = """
    DO UPDATE
    SET type = excluded.type, sequence = excluded.sequence, time = excluded.time, data = excluded.data
"""
_SKIP = "DO NOTHING RETURNING merge_key"


def write(events: Sequence[NewEvent]) -> None:
    """Write the events, in this order, with one INSERT.

    Raises UnknownEventError when one is not in the catalogue or does not fit it, and
    TransactionManagementError outside a transaction: an event without its change would be invented.
    """
    _insert(events, _AMEND)


def write_new(events: Sequence[NewEvent]) -> set[str | None]:
    """As write(), but an event whose merge key this transaction has used is not written; these keys."""
    written = {key for (key,) in _insert(events, _SKIP)}
    return {event.merge_key for event in events} - written


def _insert(events: Sequence[NewEvent], conflict: str) -> list[Any]:
    connection = transaction.get_connection()
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("Events are written in the transaction of their change.")
    if not events:
        return []
    for event in events:
        parse(event.type, event.data)
    request_id = structlog.contextvars.get_contextvars().get("request_id", "")
    cause = {"request_id": request_id, "actor": _actor.get()}
    rows = [_row(event) | cause for event in events]
    with prepared_cursor() as cursor:
        cursor.execute(_INSERT + conflict, [orjson.dumps(rows).decode()])
        _wake_after_commit()
        return cursor.fetchall() if cursor.description else []


def written_here(merge_keys: Iterable[str]) -> dict[str, OutboxEvent]:
    """What this transaction has already written under these keys."""
    rows = OutboxEvent.objects.filter(transaction_id=CurrentTransactionId(), merge_key__in=list(merge_keys))
    return {row.merge_key: row for row in rows if row.merge_key}


def unwrite(merge_keys: Iterable[str]) -> None:
    """Remove what this transaction has written under these keys: the thing was never seen by anyone."""
    OutboxEvent.objects.filter(transaction_id=CurrentTransactionId(), merge_key__in=list(merge_keys)).delete()


def _row(event: NewEvent) -> dict[str, Any]:
    return {
        "event_id": event.event_id or uuid7(),
        "topic": CATALOGUE[event.type].topic,
        "type": event.type,
        "key": event.key,
        "subject": event.subject,
        "sequence": event.sequence,
        "time": event.time or timezone.now(),
        "data": event.data,
        "merge_key": event.merge_key,
        "user_id": event.data.get("user_id"),
    }


class WakeUp(Protocol):
    """A way from any process to the relay. Each hint may be lost."""

    def send(self) -> None:
        """Wake the relay. Does not raise, and does not wait for long."""
        ...

    def hints(self) -> Iterator[bool]:
        """True for a hint, or when one may have been missed; False now and then. Raises if it cannot."""
        ...


def wake_up_of_settings() -> WakeUp:
    """What settings.EVENT_WAKE_UP names."""
    return cast(WakeUp, import_string(settings.EVENT_WAKE_UP)())


def _wake_after_commit() -> None:
    """Send a hint when the current transaction commits: one, however often this is called in it."""
    connection = transaction.get_connection()
    # What a savepoint's rollback takes back is no longer in this list, and then this is called again.
    if not any(call is _send for _, call, _ in connection.run_on_commit):
        transaction.on_commit(_send, robust=True)


def _send() -> None:
    wake_up_of_settings().send()
