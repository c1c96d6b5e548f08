"""Writing events: in the transaction of the change they tell of, or not at all."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from django.db import transaction
from django.utils import timezone
from uuid_utils.compat import uuid7

from events_app.catalogue import kind_of, parse
from events_app.models import CurrentTransactionId, OutboxEvent


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


def write(events: Sequence[NewEvent]) -> None:
    """Write the events, in this order, with one INSERT.

    Raises UnknownEventError when one is not in the catalogue or does not fit it, and
    TransactionManagementError outside a transaction: an event without its change would be invented.
    """
    if not transaction.get_connection().in_atomic_block:
        raise transaction.TransactionManagementError("Events are written in the transaction of their change.")
    rows = [_row(event) for event in events]
    merging = [row for row in rows if row.merge_key]
    OutboxEvent.objects.bulk_create([row for row in rows if not row.merge_key])
    if merging:
        OutboxEvent.objects.bulk_create(
            merging,
            update_conflicts=True,
            unique_fields=["transaction_id", "merge_key"],
            update_fields=["type", "sequence", "time", "data"],
        )


def written_here(merge_keys: Iterable[str]) -> dict[str, OutboxEvent]:
    """What this transaction has already written under these keys."""
    rows = OutboxEvent.objects.filter(transaction_id=CurrentTransactionId(), merge_key__in=list(merge_keys))
    return {row.merge_key: row for row in rows if row.merge_key}


def unwrite(merge_keys: Iterable[str]) -> None:
    """Remove what this transaction has written under these keys: the thing was never seen by anyone."""
    OutboxEvent.objects.filter(transaction_id=CurrentTransactionId(), merge_key__in=list(merge_keys)).delete()


def _row(event: NewEvent) -> OutboxEvent:
    parse(event.type, event.data)
    return OutboxEvent(
        event_id=event.event_id or uuid7(),
        topic=kind_of(event.type).topic,
        type=event.type,
        key=event.key,
        subject=event.subject,
        sequence=event.sequence,
        time=event.time or timezone.now(),
        data=event.data,
        request_id=structlog.contextvars.get_contextvars().get("request_id", ""),
        merge_key=event.merge_key,
    )
