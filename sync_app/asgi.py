"""`GET /api/stream`, on a port of its own.

An event loop holds thousands of streams, without a thread or a database connection for any of them.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any, TypeVar

import structlog
from django.conf import settings
from django.db import connections
from rest_framework.exceptions import ErrorDetail, MethodNotAllowed, NotAcceptable, ValidationError
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from state_store.task_updates import StateStoreAway, UpdateReader
from sync_app.access import Grant, grant_by_header, still_good
from sync_app.answers import EXCEPTION_HANDLERS, RequestIds
from sync_app.hub import Hub
from sync_app.refusals import StreamAway
from sync_app.streams import Stream
from sync_app.tickets import grant_by_ticket

log = structlog.get_logger(__name__)

_PARAMETERS = {"ticket", "last_event_id"}
_LOGGED_PLACE = 30  # a place is shorter; what is longer is somebody's own invention
# As a request of the API has them (todo_project/wsgi.py); threads are few here too.
_DATABASE_LIMITS = "SET statement_timeout = '15s'; SET lock_timeout = '5s'"
_HEADERS = {
    # Nobody keeps it, and nginx holds none of it back.
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",
}
Found = TypeVar("Found")


class EventStream(StreamingResponse):
    """The answer; its end takes the stream out of the hub. Who does not take a chunk in time is cut off."""

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
    if request.method != "GET":  # the router takes a HEAD for one, which would hold a stream open
        raise MethodNotAllowed(request.method)
    _refuse_what_is_unknown(request)
    hub: Hub = request.app.state.hub
    opened = Stream(await _grant(request))
    place = request.headers.get("Last-Event-ID") or request.query_params.get("last_event_id", "")
    try:
        await hub.join(opened, place)
    except StateStoreAway as error:
        raise StreamAway from error
    log.info("stream_opened", user_id=opened.user_id, place=place[:_LOGGED_PLACE])
    return EventStream(opened, hub)


async def live(_request: Request) -> Response:
    return JSONResponse({"status": "ok"})


async def ready(request: Request) -> Response:
    """Whether updates come. Without the database nobody new can be let in, but those who are here go on."""
    listening = request.app.state.hub.is_listening
    checks = {"state_store": "ok" if listening else "does not answer"}
    wrong = [] if listening else ["state_store"]
    body = {"status": "not ready" if wrong else "ok", "not_ready": wrong, "checks": checks}
    return JSONResponse(body, 503 if wrong else 200)


async def end_revoked(hub: Hub) -> None:
    """End the streams whose grant is not good any more, all of them by one query, until cancelled."""
    while True:
        await asyncio.sleep(settings.STREAM_CHECK_SECONDS)
        if streams := hub.streams():
            try:
                good = await in_database(partial(still_good, {one.grant for one in streams}))
            except Exception as error:  # the database is away: who is here stays
                log.warning("streams_not_checked", error=str(error))
                continue
            for one in streams:
                if one.grant not in good:
                    one.end("revoked")


async def in_database(work: Callable[[], Found]) -> Found:
    """Do it in a thread, and leave no connection to the database behind."""

    def do() -> Found:
        try:
            with connections["default"].cursor() as cursor:
                cursor.execute(_DATABASE_LIMITS)
            return work()
        finally:
            connections.close_all()

    return await asyncio.to_thread(do)


def application() -> Starlette:
    """The ASGI application."""
    app = Starlette(
        routes=[
            Route("/api/stream", stream),
            Route("/healthz/live", live),
            Route("/healthz/ready", ready),
        ],
        middleware=[
            Middleware(RequestIds),
            Middleware(
                CORSMiddleware,
                allow_origins=settings.CORS_ALLOWED_ORIGINS,
                allow_methods=["GET"],
                allow_headers=["Authorization", "Last-Event-ID", "X-Request-ID", "Cache-Control"],
                expose_headers=["Retry-After", "X-Request-ID"],
            ),
        ],
        exception_handlers=EXCEPTION_HANDLERS,
        lifespan=_lifespan,
    )
    app.router.redirect_slashes = False  # a ticket would go along, to whatever host the request names
    app.state.hub = None
    return app


@asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    reader = UpdateReader()
    app.state.hub = hub = Hub(reader)
    tasks = [asyncio.create_task(hub.listen()), asyncio.create_task(end_revoked(hub))]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await reader.close()


async def _grant(request: Request) -> Grant:
    ticket = request.query_params.get("ticket")
    header = request.headers.get("Authorization", "")
    work = partial(grant_by_ticket, ticket) if ticket and not header else partial(grant_by_header, header)
    try:
        return await in_database(work)
    except StateStoreAway as error:
        raise StreamAway from error


def _refuse_what_is_unknown(request: Request) -> None:
    """Raises ValidationError (400) by name, NotAcceptable (406)."""
    detail = "There is no such parameter. Known here: last_event_id, ticket."
    if unknown := set(request.query_params) - _PARAMETERS:
        raise ValidationError({name: [ErrorDetail(detail, "unknown_parameter")] for name in unknown})
    accepted = request.headers.get("Accept", "*/*")
    if not any(kind in accepted for kind in ("text/event-stream", "text/*", "*/*")):
        raise NotAcceptable("Only text/event-stream is spoken here; let the header Accept name it.")
