"""The ASGI application of `GET /api/stream`, which has its own process and port.

An event loop serves thousands of streams, without a thread or a database connection for each.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial
from typing import Any, TypeVar
from urllib.parse import urlsplit

import structlog
from django.conf import settings
from django.db import connections
from django.http.request import split_domain_port, validate_host
from rest_framework.exceptions import ErrorDetail, MethodNotAllowed, NotAcceptable, ValidationError
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from state_store.task_updates import StateStoreUnavailable, UpdateReader
from sync_app.access import Grant, grant_by_header, valid_grants
from sync_app.exceptions import StreamUnavailable
from sync_app.guests import guests_of_settings
from sync_app.hub import Hub
from sync_app.responses import EXCEPTION_HANDLERS, RequestIds
from sync_app.streams import Stream
from sync_app.tickets import grant_by_ticket

log = structlog.get_logger(__name__)

_PARAMETERS = {"ticket", "last_event_id"}
_LOGGED_ID_LENGTH = 30  # an event id is shorter; anything longer is not one
_HEADERS = {
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",  # nginx must not buffer it
}
Result = TypeVar("Result")


class Cors(CORSMiddleware):
    """Pages of other origins may read the stream, and pages of the API's hosts: their port is another one."""

    def is_allowed_origin(self, origin: str) -> bool:
        host, _port = split_domain_port(urlsplit(origin).netloc)
        return super().is_allowed_origin(origin) or validate_host(host, settings.ALLOWED_HOSTS)


class EventStream(StreamingResponse):
    """The response. It disconnects clients that do not read, and leaves the hub at its end."""

    media_type = "text/event-stream"

    def __init__(self, stream: Stream, hub: Hub) -> None:
        super().__init__(stream.chunks(), headers=_HEADERS)
        self.stream, self.hub = stream, hub

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, partial(self._send_in_time, send))
        except TimeoutError:
            self.stream.end("slow")
        finally:
            self.hub.leave(self.stream)
            log.info("stream_ended", user_id=self.stream.user_id, reason=self.stream.ended)

    async def _send_in_time(self, send: Send, message: Any) -> None:
        async with asyncio.timeout(settings.STREAM_SEND_TIMEOUT_SECONDS):
            await send(message)


async def stream(request: Request) -> Response:
    if request.method != "GET":  # Starlette routes HEAD here too, which would hold a stream open
        raise MethodNotAllowed(request.method)
    _validate(request)
    hub: Hub = request.app.state.hub
    opened = Stream(await _authenticate(request))
    last_event_id = request.headers.get("Last-Event-ID") or request.query_params.get("last_event_id", "")
    try:
        await hub.join(opened, last_event_id)
    except StateStoreUnavailable as error:
        raise StreamUnavailable from error
    log.info("stream_opened", user_id=opened.user_id, last_event_id=last_event_id[:_LOGGED_ID_LENGTH])
    return EventStream(opened, hub)


async def live(_request: Request) -> Response:
    return JSONResponse({"status": "ok"})


async def ready(request: Request) -> Response:
    """Whether updates arrive. The database is not checked: without it, open streams still work."""
    listening = request.app.state.hub.is_listening
    checks = {"state_store": "ok" if listening else "does not answer"}
    failed = [] if listening else ["state_store"]
    body = {"status": "not ready" if failed else "ok", "not_ready": failed, "checks": checks}
    return JSONResponse(body, 503 if failed else 200)


async def end_revoked(hub: Hub) -> None:
    """End the streams whose grant is no longer valid, with one query for all, until cancelled."""
    while True:
        await asyncio.sleep(settings.STREAM_CHECK_SECONDS)
        if streams := hub.streams():
            try:
                valid = await query(partial(valid_grants, {one.grant for one in streams}))
            except Exception as error:  # without the database, open streams stay open
                log.warning("streams_not_checked", error=str(error))
                continue
            for one in streams:
                if one.grant not in valid:
                    one.end("revoked")


async def query(function: Callable[[], Result]) -> Result:
    """Call the function in a thread, with a database connection that is closed afterwards."""

    def call() -> Result:
        try:
            return function()
        finally:
            connections.close_all()

    return await asyncio.to_thread(call)


def application() -> Starlette:
    guests = guests_of_settings()
    app = Starlette(
        routes=[
            Route("/api/stream", stream),
            Route("/healthz/live", live),
            Route("/healthz/ready", ready),
            *(route for guest in guests for route in guest.routes),
        ],
        middleware=[
            Middleware(RequestIds),
            Middleware(
                Cors,
                allow_origins=settings.CORS_ALLOWED_ORIGINS,
                allow_methods=["GET", "POST"],
                allow_headers=[*settings.CORS_ALLOW_HEADERS, "cache-control"],
                expose_headers=settings.CORS_EXPOSE_HEADERS,
            ),
        ],
        exception_handlers=EXCEPTION_HANDLERS,
        lifespan=_lifespan,
    )
    app.router.redirect_slashes = False  # a redirect would send the ticket to the host the request names
    app.state.hub = None
    app.state.guests = guests
    return app


@asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    reader = UpdateReader()
    app.state.hub = hub = Hub(reader)
    tasks = [asyncio.create_task(hub.listen()), asyncio.create_task(end_revoked(hub))]
    try:
        async with AsyncExitStack() as stack:
            for guest in app.state.guests:
                await stack.enter_async_context(guest.running())
            yield
    finally:
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await reader.close()


async def _authenticate(request: Request) -> Grant:
    ticket = request.query_params.get("ticket")
    header = request.headers.get("Authorization", "")
    grant = partial(grant_by_ticket, ticket) if ticket and not header else partial(grant_by_header, header)
    try:
        return await query(grant)
    except StateStoreUnavailable as error:
        raise StreamUnavailable from error


def _validate(request: Request) -> None:
    """Raises ValidationError (400) for each unknown parameter, NotAcceptable (406)."""
    detail = "Unknown parameter. Allowed here: last_event_id, ticket."
    if unknown := set(request.query_params) - _PARAMETERS:
        raise ValidationError({name: [ErrorDetail(detail, "unknown_parameter")] for name in unknown})
    accepted = request.headers.get("Accept", "*/*")
    if not any(kind in accepted for kind in ("text/event-stream", "text/*", "*/*")):
        raise NotAcceptable("The only available media type is text/event-stream.")
