"""Writing events: in the transaction of the change they tell of, or not at all."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from json import dumps
from typing import Any
from uuid import UUID

import structlog
from django.db import transaction
from django.utils import timezone
from uuid_utils.compat import uuid7

from events_app.catalogue import kind_of, parse
from events_app.models import CurrentTransactionId, OutboxEvent
from events_app.wake_up import wake_after_commit


@dataclass(frozen=True, kw_only=True)
class NewEvent:
    """An event to be: `data` has the shape its type has in the catalogue, JSON values only.

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
        (event_id, topic, type, key, subject, sequence, time, data, request_id, merge_key)
    SELECT * FROM jsonb_to_recordset(%s::jsonb) AS event
        (event_id uuid, topic text, type text, key text, subject text, sequence bigint, time timestamptz,
         data jsonb, request_id text, merge_key text)
    ON CONFLICT (transaction_id, merge_key) DO UPDATE
    SET type = excluded.type, sequence = excluded.sequence, time = excluded.time, data = excluded.data
"""


def write(events: Sequence[NewEvent]) -> None:
    """Write the events, in this order, with one INSERT.

    Raises UnknownEventError when one is not in the catalogue or does not fit it, and
    TransactionManagementError outside a transaction: an event without its change would be invented.
    """
    connection = transaction.get_connection()
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("Events are written in the transaction of their change.")
    rows = [_row(event) for event in events]
    if rows:
        with connection.cursor() as cursor:
            cursor.execute(_INSERT, [dumps(rows)])
        wake_after_commit()


def written_here(merge_keys: Iterable[str]) -> dict[str, OutboxEvent]:
    """What this transaction has already written under these keys."""
    rows = OutboxEvent.objects.filter(transaction_id=CurrentTransactionId(), merge_key__in=list(merge_keys))
    return {row.merge_key: row for row in rows if row.merge_key}


def unwrite(merge_keys: Iterable[str]) -> None:
    """Remove what this transaction has written under these keys: the thing was never seen by anyone."""
    OutboxEvent.objects.filter(transaction_id=CurrentTransactionId(), merge_key__in=list(merge_keys)).delete()


def _row(event: NewEvent) -> dict[str, Any]:
    parse(event.type, event.data)
    return {
        "event_id": str(event.event_id or uuid7()),
        "topic": kind_of(event.type).topic,
        "type": event.type,
        "key": event.key,
        "subject": event.subject,
        "sequence": event.sequence,
        "time": (event.time or timezone.now()).isoformat(),
        "data": event.data,
        "request_id": structlog.contextvars.get_contextvars().get("request_id", ""),
        "merge_key": event.merge_key,
    }
