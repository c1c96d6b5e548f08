"""The messages of the stream, as Server-Sent Events (WHATWG HTML, 9.2)."""

import json
import random

# Some clients split the lines of a stream at these, as Python's str.splitlines() does. In JSON they can only
# be inside a string, so that an escape means the same.
_SPLIT_BY_CLIENTS = str.maketrans({mark: f"\\u{ord(mark):04x}" for mark in "\u0085\u2028\u2029"})
# A comment: proxies and clients take a silent connection for a broken one.
HEARTBEAT = b": heartbeat\n\n"


def ready(event_id: str) -> bytes:
    """The first message: the stream contains every change after this event."""
    # Different delays, so that not all clients reconnect at the same moment after a restart.
    retry = random.randint(1_000, 3_000)  # noqa: S311 - no secret
    return f"retry: {retry}\n".encode() + _event("ready", event_id, "{}")


def reset(event_id: str) -> bytes:
    """Changes up to this event may be missing, so the client must read the tasks again."""
    return _event("reset", event_id, json.dumps({"read_again": "/api/tasks"}))


def update(event_id: str, text: str) -> bytes:
    """A change. `text` is its JSON."""
    return _event("task.sync", event_id, text.translate(_SPLIT_BY_CLIENTS))


def _event(name: str, event_id: str, data: str) -> bytes:
    return f"event: {name}\nid: {event_id}\ndata: {data}\n\n".encode()
