"""What the OpenAPI document says of the stream."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse

DESCRIPTION = """\
Server-Sent Events, served by a process of its own (`servers`). The token stands in the header
`Authorization`; an `EventSource`, which cannot send one, takes a ticket.

- `ready` comes first: you stand at its `id`, and everything after it will come. Connect first, then read
  `/api/tasks`: what changes in between comes too.
- `task.sync` is a change of a task of yours: `{id, type, task_id, version, changes, time}`, `changes` being
  the fields that changed. Drop a `version` you have passed; where it is not the next one, read the task.
- `reset`: what came before it may have been missed. Read `/api/tasks` anew, and go on.

Come again with the `id` of the last event (`Last-Event-ID`, or `last_event_id`): what you missed comes, or a
`reset`. A line that begins with a colon is a heartbeat. The stream ends when its token does, when the server
stops, or when you do not read."""
PARAMETERS = [
    OpenApiParameter("ticket", str, description="Of POST /api/stream/ticket, in the place of a token."),
    OpenApiParameter("last_event_id", str, description="As the header Last-Event-ID, which goes before it."),
    OpenApiParameter(
        "Last-Event-ID", str, OpenApiParameter.HEADER, description="The `id` of the last event you have seen."
    ),
]
_EXAMPLE = """\
retry: 2000
event: ready
id: 1903707390000-0
data: {}

event: task.sync
id: 1903707391482-0
data: {"id": "01968f2e-7c1a-7b3e-9d55-0c6a1f0e4b21", "type": "task.sync", "task_id": 7, "version": 2,\
 "changes": {"completed": true}, "time": "2030-04-28T18:20:31.482113+00:00"}

: still here

"""
EVENTS = OpenApiResponse(
    {"type": "string"},
    description="Events, until one of both ends it.",
    examples=[OpenApiExample("Events", _EXAMPLE, media_type="text/event-stream")],
)


def name_server(result: dict[str, Any], **_options: Any) -> dict[str, Any]:
    """A hook of the generator: the stream is served elsewhere."""
    result["paths"]["/api/stream"]["get"]["servers"] = [
        {
            "url": "http://{host}:{port}",
            "description": "STREAM_PORT beside the API, or where STREAM_URL says; a ticket's `url` has it.",
            "variables": {"host": {"default": "127.0.0.1"}, "port": {"default": "8001"}},
        }
    ]
    return result
