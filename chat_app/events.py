"""The Server-Sent Events of a turn: `turn`, `text`, `step`, `confirmation`, and at last `done` or `error`."""

import json

from rest_framework.exceptions import APIException

from chat_app.turns.ending import error_as_json
from chat_app.turns.running import Event

HEARTBEAT = b": heartbeat\n\n"


def sse(event: Event) -> bytes:
    """The event on the wire. In ASCII: some clients split lines at other characters than the standard's."""
    data = event.data
    if isinstance(error := data.get("error"), APIException):
        known = error_as_json(error)
        data = {"status": known["status"], "retry_after": known["wait"], **known["body"]}
    return f"event: {event.name}\ndata: {json.dumps(data)}\n\n".encode()
