"""The messages of the stream, as Server-Sent Events (WHATWG HTML, 9.2)."""

import json
import random

# Silence looks like a connection that broke; a line that begins with a colon is no event.
HEARTBEAT = b": still here\n\n"


def ready(place: str) -> bytes:
    """The first message: from here on nothing is missed."""
    # After a restart not everybody comes back in the same moment.
    retry = random.randint(1_000, 3_000)  # noqa: S311 - no secret
    return f"retry: {retry}\n".encode() + _event("ready", place, "{}")


def reset(place: str) -> bytes:
    """What came before this place may have been missed: read the tasks anew."""
    return _event("reset", place, json.dumps({"read_again": "/api/tasks"}))


def update(place: str, text: str) -> bytes:
    """A change. `text` is its JSON."""
    return _event("task.sync", place, text)


def _event(name: str, place: str, data: str) -> bytes:
    return f"event: {name}\nid: {place}\ndata: {data}\n\n".encode()
