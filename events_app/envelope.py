"""The CloudEvents 1.0 envelope: an event as it is on the wire, and back.

Source: CloudEvents 1.0.2, JSON event format, structured mode; the `sequence` extension compares
text, so it needs the zero padding.
"""

import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, Field

from events_app.catalogue import TAG_EVENTS, UnknownEventError, kind_of, parse
from events_app.models import EventFields

SOURCE = "/todo-backend/tasks"
MEDIA_TYPE = "application/cloudevents+json; charset=UTF-8"
SEQUENCE_DIGITS = 19  # the largest bigint
_quoted = json.JSONEncoder().encode
LONGEST_KEY = 100
# Of a time beyond these, PostgreSQL keeps one that Python cannot read back.
_EARLIEST, _LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)
# Ten times the longest event that a task's title, description and tags can make.
MAX_BYTES = 256 * 1024


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
    actor: str = ""
    user_id: UUID | None = None
    # Where it was read, None without Kafka. Events are equal wherever they were read.
    partition: int | None = field(default=None, compare=False)
    offset: int | None = field(default=None, compare=False)


class OutboxRow(NamedTuple):
    """A row of the outbox as the relay reads it: `event_id` and `data` are text, as Kafka gets them."""

    id: int
    event_id: str
    topic: str
    type: str
    key: str
    subject: str
    sequence: int
    time: datetime
    data: str
    request_id: str
    actor: str

    def event(self) -> Event:
        """The event it holds."""
        return Event(
            id=UUID(self.event_id),
            topic=self.topic,
            type=self.type,
            key=self.key,
            subject=self.subject,
            sequence=self.sequence,
            time=self.time,
            data=(data := json.loads(self.data)),
            request_id=self.request_id,
            actor=self.actor,
            user_id=_user_of(data),
        )

    def wire_text(self) -> str:
        """What `to_wire` makes of the event, as JSON text, with the data neither read nor written again."""
        request = f',"requestid":{_quoted(self.request_id)}' if self.request_id else ""
        actor = f',"actor":{_quoted(self.actor)}' if self.actor else ""
        return (
            f'{{"specversion":"1.0","id":"{self.event_id}","source":"{SOURCE}","type":{_quoted(self.type)},'
            f'"subject":{_quoted(self.subject)},"time":"{self.time.isoformat()}",'
            f'"datacontenttype":"application/json","sequence":"{self.sequence:0{SEQUENCE_DIGITS}}"'
            f'{request}{actor},"data":{self.data}}}'
        )


class _Envelope(BaseModel):
    """What a row can hold of an envelope (`events_app/models.py`); other attributes are ignored."""

    id: UUID
    type: str
    subject: str = Field(max_length=100)
    sequence: int = Field(ge=0, lt=2**63)
    time: AwareDatetime = Field(ge=_EARLIEST, lt=_LATEST)
    data: dict[str, Any]
    requestid: str = Field("", max_length=64)
    actor: str = Field("", max_length=50)


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
        actor=row.actor,
        user_id=row.user_id or _user_of(row.data),
        partition=getattr(row, "partition", None),
        offset=getattr(row, "offset", None),
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
    optional = {"requestid": event.request_id, "actor": event.actor}
    return wire | {name: value for name, value in optional.items() if value}


def from_wire(wire: dict[str, Any], *, key: str | None) -> Event:
    """The event of a message's value. Without a key it has the one that its writer gives to such events.

    Raises UnknownEventError if it is not one of ours.
    """
    try:
        envelope = _Envelope.model_validate(wire)
        parse(envelope.type, envelope.data)
    except ValueError as error:
        raise UnknownEventError(f"Not an event of this catalogue: {error}") from error
    return Event(
        id=envelope.id,
        topic=kind_of(envelope.type).topic,
        type=envelope.type,
        key=_own_key(envelope) if key is None else key,
        subject=envelope.subject,
        sequence=envelope.sequence,
        time=envelope.time,
        data=envelope.data,
        request_id=envelope.requestid,
        actor=envelope.actor,
        user_id=_user_of(envelope.data),
    )


def from_message(
    value: bytes | None, *, key: bytes | None, topic: str, partition: int | None, offset: int | None
) -> Event:
    """The event of a message as it was read. Raises UnknownEventError when it is not one of ours."""
    if len(value or b"") > MAX_BYTES:
        raise UnknownEventError(f"{len(value or b'')} bytes are more than the {MAX_BYTES} an event may have.")
    try:
        event = from_wire(json.loads(value or b""), key=_text_of(key))
    except RecursionError:
        raise UnknownEventError("JSON nested too deep.") from None
    except ValueError as error:
        raise UnknownEventError(str(error)) from error
    if event.topic != topic:
        raise UnknownEventError(f"{event.type} belongs on {event.topic}.")
    return replace(event, partition=partition, offset=offset)


def _own_key(envelope: _Envelope) -> str:
    is_label = kind_of(envelope.type).topic == TAG_EVENTS
    return envelope.subject if is_label else str(envelope.data["user_id"])


def _user_of(data: dict[str, Any]) -> UUID | None:
    return UUID(str(data["user_id"])) if data.get("user_id") else None


def _text_of(key: bytes | None) -> str | None:
    if key is None:
        return None
    text = key.decode()
    if len(text) > LONGEST_KEY:
        raise UnknownEventError(f"A key has at most {LONGEST_KEY} characters.")
    return text
