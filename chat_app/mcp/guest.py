"""The routes of MCP in the stream's process (setting STREAM_GUESTS)."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from django.conf import settings
from mcp.server.transport_security import TransportSecuritySettings
from starlette.routing import Route

from chat_app.mcp.middleware import METADATA, AccessMiddleware, metadata
from chat_app.mcp.server import Server
from chat_app.threads import DatabaseThreads
from sync_app.guests import Guest

SWITCH_SECONDS = 0.0005


def guest() -> Guest:
    url = urlsplit(str(settings.MCP_URL))
    # Bounded, so that many calls do not hold up the live streams.
    threads = DatabaseThreads(settings.MCP_THREADS, "mcp")
    server = Server(threads)
    app = server.streamable_http_app(
        streamable_http_path="/mcp",
        json_response=True,
        stateless_http=True,
        max_request_body_size=settings.DATA_UPLOAD_MAX_MEMORY_SIZE,
        transport_security=TransportSecuritySettings(
            allowed_hosts=[url.netloc, *settings.MCP_ALLOWED_HOSTS],
            allowed_origins=settings.MCP_ALLOWED_ORIGINS,
        ),
    )

    @asynccontextmanager
    async def running() -> AsyncIterator[None]:
        # Else a thread that computes keeps the interpreter for 5 ms, and the event loop waits for each.
        sys.setswitchinterval(SWITCH_SECONDS)
        try:
            async with server.session_manager.run():
                yield
        finally:
            await asyncio.to_thread(threads.close)  # it waits

    routes = [
        Route("/mcp", AccessMiddleware(app, threads)),
        # With the path of the resource, and without: clients look in both places.
        *(Route(f"{METADATA}{path}", metadata) for path in (url.path, "")),
    ]
    return Guest(routes, running)
