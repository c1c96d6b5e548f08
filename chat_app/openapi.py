"""The assistant in the OpenAPI document."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiResponse

CHAT_DESCRIPTION = """\
Served by the process of the live stream (`servers`); `chat_url` of `GET /api/assistant` says where. A turn
takes as long as the language model does, and goes on when you disconnect: its answer is then in the
conversation.

`Accept: text/event-stream` gives the same turn as it happens:

- `turn` comes first: `{turn_id, conversation_id}`.
- `text` is a piece of the reply: `{text}`.
- `step` is a call of a tool: `{call_id, tool, state}`, first with the state `started`, then with what became
  of it.
- `confirmation` asks for your permission: `{id, tool, words, expires_at}`.
- `done` comes last, with the whole answer. Or `error`: `{status, retry_after, type, errors}`; the text before
  it is then void.

A conversation has one turn at a time: another message is a 409. The `Idempotency-Key` belongs to the
message: sent again, it gets the stored answer, a 409 while that is not there yet, and after an error the turn
goes on from where it stopped. What needs your permission is not done before
`POST /api/confirmations/{id}/confirm`. An API token needs the scopes `read` and `write`."""
_EXAMPLE = """\
event: turn
data: {"turn_id": "01968f2e-7c1a-7b3e-9d55-0c6a1f0e4b21", "conversation_id":\
 "01968f2e-7c10-7aa1-8d2f-5a3b6c7d8e9f"}

event: text
data: {"text": "The rent is due "}

event: text
data: {"text": "on Friday."}

event: done
data: {"conversation_id": "01968f2e-7c10-7aa1-8d2f-5a3b6c7d8e9f", "turn_id":\
 "01968f2e-7c1a-7b3e-9d55-0c6a1f0e4b21", "state": "done", "reply": "The rent is due on Friday.",\
 "actions": [], "confirmation": null, "confirmations": []}

"""
CHAT_EVENTS = OpenApiResponse(
    {"type": "string"},
    description="The turn as it happens.",
    examples=[OpenApiExample("Events", _EXAMPLE, media_type="text/event-stream")],
)


def name_server(result: dict[str, Any], **_options: Any) -> dict[str, Any]:
    """A postprocessing hook of drf-spectacular: the stream's process serves the chat."""
    paths = result["paths"]
    paths["/api/chat"]["post"]["servers"] = paths["/api/stream"]["get"]["servers"]
    return result
