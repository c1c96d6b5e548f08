"""Dead letters as they are stored: events that a group gave up on, and messages that are no events."""

import json
from base64 import b64encode
from collections.abc import Iterable
from datetime import datetime
from hashlib import sha256
from uuid import NAMESPACE_URL, uuid5

import structlog
from django.db import connection, transaction
from django.utils import timezone
from psycopg import Cursor

from events_app.envelope import LONGEST_KEY, Event, from_message, from_row
from events_app.metrics import BURIED
from events_app.models import DeadLetter, GroupsEvent

log = structlog.get_logger(__name__)

# Of a message that is no event, which may be megabytes of anything.
LONGEST_SHOWN = 10_000

Headers = Iterable[tuple[str, bytes | None]]


# Django's cursors write a value into the statement, a megabyte of bytes as two of text: 42 ms, and 16 so.
_KEEP_VALUE = "UPDATE dead_letters SET raw_value = %b WHERE id = %s"


@transaction.atomic
def bury_message(
    group: str,
    *,
    topic: str,
    partition: int | None = None,
    offset: int | None = None,
    time: datetime | None = None,
    key: bytes | None,
    value: bytes | None,
    headers: Headers,
    error: str,
) -> DeadLetter:
    """Keep a message that is no event of ours as a dead letter of the group, once, however often it comes.

    One of unknown origin comes from a Dapr sidecar, which also puts it on the dead-letter topic.
    """
    now = timezone.now()
    if time is None:
        origin = f"{topic}/{sha256(value or b'').hexdigest()}"
    else:  # the time too: a topic that was created again begins at offset 0
        origin = f"{topic}/{partition}/{offset}/{time.isoformat()}"
    dead, made = DeadLetter.objects.get_or_create(
        group=group,
        event_id=uuid5(NAMESPACE_URL, origin),
        defaults={
            "topic": topic,
            "partition": partition,
            "offset": offset,
            "time": time or now,
            "published_at": None if time else now,
            "key": _readable(key)[:LONGEST_KEY],
            "sequence": 0,
            "data": {},
            "raw_key": key,
            "raw_value": b"",
            "raw_headers": [(_plain(name), _base64(text)) for name, text in headers],
            "attempts": 1,
            "error": error,
        },
    )
    if made:
        with Cursor(connection.connection) as cursor:
            cursor.execute(_KEEP_VALUE, [value or b"", dead.pk])
        dead.raw_value = value or b""
        log.error("message_is_no_event", group=group, topic=topic, partition=partition, offset=offset)
        BURIED.labels(group).inc()
    return dead


def event_of(dead: DeadLetter) -> Event:
    """The event of a dead letter. Raises UnknownEventError when the catalogue does not know it."""
    if dead.raw_value is None:
        return from_row(dead)
    return from_message(
        bytes(dead.raw_value),
        key=None if dead.raw_key is None else bytes(dead.raw_key),
        topic=dead.topic,
        partition=dead.partition,
        offset=dead.offset,
    )


def origin_of(letter: GroupsEvent) -> str:
    """The topic, with partition and offset if it came from Kafka: `task-events/3@41`."""
    known = letter.offset is not None
    return f"{letter.topic}/{letter.partition}@{letter.offset}" if known else letter.topic


def content_of(letter: DeadLetter) -> str:
    """Its content for people: the data as JSON, or the first bytes of a message that is no event."""
    if letter.raw_value is None:
        return json.dumps(letter.data, indent=2, ensure_ascii=False)
    text = bytes(letter.raw_value[:LONGEST_SHOWN]).decode(errors="backslashreplace")
    shown = "".join(one if one.isprintable() or one == "\n" else repr(one)[1:-1] for one in text)
    left_out = len(letter.raw_value) - LONGEST_SHOWN
    return shown + (f"\n... and {left_out} bytes more" if left_out > 0 else "")


def _readable(raw: bytes | None) -> str:
    return _plain((raw or b"").decode(errors="replace"))


def _plain(text: str) -> str:
    """As PostgreSQL can keep it."""
    return text.encode(errors="replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")


def _base64(raw: bytes | None) -> str | None:
    return None if raw is None else b64encode(raw).decode()
