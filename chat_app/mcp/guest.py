"""The routes of MCP in the stream's process (setting STREAM_GUESTS)."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from django.conf import settings
from mcp.server.transport_security import TransportSecuritySettings
from starlette.routing import Route

from chat_app.mcp.door import Door, metadata, metadata_paths
from chat_app.mcp.server import Server, allowed_hosts
from chat_app.mcp.working import Pool
from sync_app.guests import Guest

SWITCH_SECONDS = 0.0005


def guest() -> Guest:
    pool = Pool()
    server = Server(pool)
    app = server.streamable_http_app(
        streamable_http_path="/mcp",
        json_response=True,
        stateless_http=True,
        max_request_body_size=settings.DATA_UPLOAD_MAX_MEMORY_SIZE,
        transport_security=TransportSecuritySettings(
            allowed_hosts=allowed_hosts(), allowed_origins=settings.MCP_ALLOWED_ORIGINS
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
            await asyncio.to_thread(pool.close)  # it waits

    routes = [Route("/mcp", Door(app, pool)), *(Route(path, metadata) for path in metadata_paths())]
    return Guest(routes, running)
