"""The CloudEvents 1.0 envelope: an event as it is on the wire, and back.

Source: CloudEvents 1.0.2, JSON event format, structured mode; the `sequence` extension compares
text, hence the zero padding.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils.dateparse import parse_datetime

from events_app.catalogue import UnknownEventError, kind_of, parse
from events_app.models import EventFields

SOURCE = "/todo-backend/tasks"
SEQUENCE_DIGITS = 19  # the largest bigint


@dataclass(frozen=True, kw_only=True)
class Event:
    """An event as a handler gets it. `data` is a dict that fits the catalogue."""

    id: UUID
    topic: str
    type: str
    key: str
    subject: str
    sequence: int
    time: datetime
    data: dict[str, Any]
    request_id: str = ""


def from_row(row: EventFields) -> Event:
    """The event of a stored row (outbox, parked or dead)."""
    return Event(
        id=row.event_id,
        topic=row.topic,
        type=row.type,
        key=row.key,
        subject=row.subject,
        sequence=row.sequence,
        time=row.time,
        data=row.data,
        request_id=row.request_id,
    )


def to_wire(event: Event) -> dict[str, Any]:
    """The JSON object that goes on the topic; its key is the user id."""
    wire = {
        "specversion": "1.0",
        "id": str(event.id),
        "source": SOURCE,
        "type": event.type,
        "subject": event.subject,
        "time": event.time.isoformat(),
        "datacontenttype": "application/json",
        "sequence": str(event.sequence).zfill(SEQUENCE_DIGITS),
        "data": event.data,
    }
    return wire | ({"requestid": event.request_id} if event.request_id else {})


def from_wire(wire: dict[str, Any], *, key: str) -> Event:
    """The event of a message's value. Raises UnknownEventError when it is not one of ours."""
    try:
        parse(wire["type"], wire["data"])
        time = parse_datetime(wire["time"])
        if time is None:
            raise ValueError(f"time {wire['time']!r} is not ISO 8601")
        return Event(
            id=UUID(wire["id"]),
            topic=kind_of(wire["type"]).topic,
            type=wire["type"],
            key=key,
            subject=wire["subject"],
            sequence=int(wire["sequence"]),
            time=time,
            data=wire["data"],
            request_id=wire.get("requestid", ""),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise UnknownEventError(f"Not an event of this catalogue: {error}") from error
