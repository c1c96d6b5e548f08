"""Messages that a Dapr sidecar delivers: handled, parked or buried as `events_app/consuming.py` does it.

One delivery is for all groups, and each handles, parks or buries the event by itself. So the answer
only says whether the message is an event: the sidecar need not repeat it when a handler fails.
"""

import json
from base64 import b64decode
from enum import StrEnum

from django.db import DataError

from events_app.dead_letters import bury_message
from events_app.envelope import Event, from_message
from events_app.groups import concerns, group_names, text_of, topics_of
from events_app.handling import handle
from events_app.parked import look_again

# The type of the envelope in which a sidecar puts what was published to it without one.
WRAPPED = "com.dapr.event.sent"


class DeliveryStatus(StrEnum):
    """What the sidecar is to do: `DROP` puts the message on the dead-letter topic."""

    SUCCESS = "SUCCESS"
    RETRY = "RETRY"
    DROP = "DROP"


def wanted_topics() -> list[str]:
    """The topics with events that some group does something about."""
    return sorted({topic for group in group_names() for topic in topics_of(group)})


def deliver(topic: str, body: bytes) -> DeliveryStatus:
    """Have each group handle the message of the topic; DROP if it is no event of the catalogue.

    Raises OperationalError and InterfaceError if the database is away: then it must come again.
    """
    value = _unwrapped(body)
    readers = [group for group in group_names() if topic in topics_of(group)]
    try:
        event = from_message(value, key=None, topic=topic, partition=None, offset=None)
    except ValueError as reason:
        for group in readers:
            _bury(group, topic, value, reason)
        return DeliveryStatus.DROP
    outcome = DeliveryStatus.SUCCESS
    for group in readers:
        try:
            _handle(group, event)
        except (ValueError, DataError) as reason:  # no row can hold it
            _bury(group, topic, value, reason)
            outcome = DeliveryStatus.DROP
    return outcome


def _handle(group: str, event: Event) -> None:
    if concerns(group, event):
        look_again(group)  # another process may have parked the event before it
        # Each may be the one that ended the process before: the sidecar does not say how often it came.
        handle(group, event, on_record=True)


def _bury(group: str, topic: str, value: bytes, reason: Exception) -> None:
    bury_message(group, topic=topic, key=None, value=value, headers=[], error=text_of(reason))


def _unwrapped(body: bytes) -> bytes:
    """What was published, if the sidecar put it in an envelope of its own."""
    if WRAPPED.encode() not in body:
        return body
    try:
        envelope = json.loads(body)
        if not isinstance(envelope, dict) or envelope.get("type") != WRAPPED:
            return body
        if "data_base64" in envelope:
            return b64decode(envelope["data_base64"], validate=True)
        data = envelope.get("data")
        return (data if isinstance(data, str) else json.dumps(data)).encode()
    except (ValueError, TypeError, RecursionError):
        return body
