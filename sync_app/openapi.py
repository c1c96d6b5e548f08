"""The stream in the OpenAPI document."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse

DESCRIPTION = """\
Server-Sent Events, served by a separate process (`servers`). Send the token in the header `Authorization`.
`EventSource` cannot send headers and uses a ticket instead.

- `ready` comes first. The stream contains every change after it. Connect first and then read `/api/tasks`, so
  that no change in between is missed.
- `task.sync` is a change of one of your tasks: `{id, type, task_id, version, changes, time}`. `changes` has
  the changed fields. Ignore a `version` you already have; if it is not the next one, read the task.
- `reset` means that changes may be missing. Read `/api/tasks` again and continue with the stream.

To reconnect, send the `id` of the last event (`Last-Event-ID` or `last_event_id`). The stream then continues
after it, or begins with a `reset`. A line that begins with a colon is a heartbeat. The stream ends when its
token expires or is revoked, when the server stops, or when you do not read."""
PARAMETERS = [
    OpenApiParameter("ticket", str, description="A ticket from POST /api/stream/ticket, instead of a token."),
    OpenApiParameter(
        "last_event_id", str, description="The same as the header Last-Event-ID, which takes precedence."
    ),
    OpenApiParameter(
        "Last-Event-ID", str, OpenApiParameter.HEADER, description="The `id` of the last event you received."
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

: heartbeat

"""
EVENTS = OpenApiResponse(
    {"type": "string"},
    description="Events, until the client or the server ends the stream.",
    examples=[OpenApiExample("Events", _EXAMPLE, media_type="text/event-stream")],
)


def name_server(result: dict[str, Any], **_options: Any) -> dict[str, Any]:
    """A postprocessing hook of drf-spectacular: another process serves the stream."""
    result["paths"]["/api/stream"]["get"]["servers"] = [
        {
            "url": "http://{host}:{port}",
            "description": "The API's host with STREAM_PORT, or STREAM_URL. A ticket's `url` contains it.",
            "variables": {"host": {"default": "127.0.0.1"}, "port": {"default": "8001"}},
        }
    ]
    return result
