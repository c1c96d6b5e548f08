"""`POST /api/chat` in the stream's process: the same checks as of any view, then a turn that is followed.

A turn waits for a language model, which may take a minute: here that costs neither a thread nor a database
connection of the web. The turn goes on when its client goes away; its answer is in the conversation, and for
the message's Idempotency-Key.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from io import BytesIO
from typing import Any

import orjson
import structlog
from django.conf import settings
from django.http import HttpResponse
from rest_framework.exceptions import APIException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from accounts_app.api_tokens import record_use
from chat_app.turns.ending import error_as_json
from chat_app.turns.loop import Event
from chat_app.turns.runner import Runner
from chat_app.views import ChatRequest, ChatView
from http_app.errors import BodyTimeout, BodyTooLarge, IncompleteBody
from sync_app.guests import Guest

log = structlog.get_logger(__name__)

# A message of 4,000 characters, each escaped as JSON may escape it, and room for the rest.
LONGEST_BODY = 64 * 1024
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")  # the view answers the 405
_STREAM_HEADERS = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",  # nginx must not buffer it
}
_HEARTBEAT = b": heartbeat\n\n"
View = Callable[[ChatRequest], Any]


class EventQueue:
    """The events of a turn for its client, in the client's event loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._events: asyncio.Queue[Event] = asyncio.Queue()
        self.is_open = True

    def put(self, event: Event) -> None:
        """From any thread."""
        if self.is_open:
            self._loop.call_soon_threadsafe(self._events.put_nowait, event)

    async def last(self) -> Event:
        """The last event: `done` or `error`."""
        while (event := await self._events.get()).name not in ("done", "error"):
            pass
        return event

    async def chunks(self, first: Event) -> AsyncIterator[bytes]:
        """The events as Server-Sent Events, with heartbeats in between."""
        yield _sse(first)
        event = first
        while event.name not in ("done", "error"):
            try:
                async with asyncio.timeout(settings.STREAM_HEARTBEAT_SECONDS):
                    event = await self._events.get()
            except TimeoutError:
                yield _HEARTBEAT
            else:
                yield _sse(event)


class TurnStream(StreamingResponse):
    """The response. A client that does not read is cut off; its turn goes on."""

    media_type = "text/event-stream"

    def __init__(self, first: Event, events: EventQueue, headers: dict[str, str]) -> None:
        super().__init__(events.chunks(first), headers=headers | _STREAM_HEADERS)
        self.events = events

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_in_time(message: Any) -> None:
            async with asyncio.timeout(settings.STREAM_SEND_TIMEOUT_SECONDS):
                await send(message)

        try:
            await super().__call__(scope, receive, send_in_time)
        except TimeoutError:
            log.info("turn_not_read")
        finally:
            self.events.is_open = False


async def chat(runner: Runner, view: View, request: Request) -> Response:
    body = await _body(request)
    http = ChatRequest(request.scope, BytesIO(body))
    http.META["CONTENT_LENGTH"] = str(len(body))  # a chunked body does not say it, and would count as none
    http.META["HTTP_X_REQUEST_ID"] = request.state.request_id
    try:
        checked = await runner.database.run(_check, view, http)
        headers = {name: value for name, value in checked.items() if name != "Content-Length"}
        if checked.status_code != 200:
            return Response(checked.content, checked.status_code, headers)
        begun = http.begun
        if begun is None:
            return _repeated(request, checked, headers)
        assert http.place is not None
        events = EventQueue()
        runner.start(begun, http.place, events.put)
    finally:
        if http.begun is None and http.place is not None:
            http.place.leave()
    if _wants_events(request):
        first = Event("turn", {"turn_id": str(begun.turn_id), "conversation_id": str(begun.conversation_id)})
        return TurnStream(first, events, headers)
    try:
        event = await events.last()
    finally:
        events.is_open = False
    if event.name == "error":
        raise event.data["error"]
    return Response(orjson.dumps(event.data), headers=headers)


def guest() -> Guest:
    """What the stream's process serves of this package (STREAM_GUESTS)."""
    runner = Runner()
    view: View = ChatView.as_view(runner=runner)

    @asynccontextmanager
    async def running() -> AsyncIterator[None]:
        try:
            yield
        finally:
            await asyncio.to_thread(runner.close)

    return Guest([Route("/api/chat", partial(chat, runner, view), methods=_METHODS)], running, runner.stop)


def _check(view: View, http: ChatRequest) -> HttpResponse:
    """All that a view checks, and the turn's beginning, in one transaction."""
    checked: HttpResponse = view(http)
    if token := getattr(http, "api_token", None):
        record_use(token)
    if hasattr(checked, "render"):
        checked.render()
    if checked.status_code != 200:
        http.begun = None  # what was begun is rolled back
    return checked


def _repeated(request: Request, checked: HttpResponse, headers: dict[str, str]) -> Response:
    """The stored answer, in the form that is asked for this time."""
    if not _wants_events(request):
        return Response(checked.content, headers=headers)
    result = orjson.loads(checked.content)
    first = Event("turn", {name: result[name] for name in ("turn_id", "conversation_id")})
    events = EventQueue()
    events.put(Event("done", result))
    return TurnStream(first, events, headers)


def _sse(event: Event) -> bytes:
    """The event on the wire. In ASCII: some clients split lines at other characters than the standard's."""
    data = event.data
    if isinstance(error := data.get("error"), APIException):
        known = error_as_json(error)
        data = {"status": known["status"], "retry_after": known["wait"], **known["body"]}
    return f"event: {event.name}\ndata: {json.dumps(data)}\n\n".encode()


def _wants_events(request: Request) -> bool:
    return TurnStream.media_type in request.headers.get("Accept", "")


async def _body(request: Request) -> bytes:
    """The whole body. Raises BodyTooLarge (413), BodyTimeout (408), IncompleteBody (400)."""
    body = bytearray()
    try:
        async with asyncio.timeout(settings.BODY_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > LONGEST_BODY:
                    raise BodyTooLarge(LONGEST_BODY)
    except TimeoutError:
        raise BodyTimeout from None
    except ClientDisconnect:
        raise IncompleteBody from None
    return bytes(body)
