import asyncio
import resource
import socket
from contextlib import suppress
from types import FrameType
from typing import Any

import structlog
import uvicorn
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from events_app.metrics import serve_metrics
from http_app.session_limits import limit_sessions
from sync_app.asgi import application

log = structlog.get_logger(__name__)

STOP_SECONDS = 3
# Of what is on its way to a client that does not read, this much is the system's to hold.
SEND_BUFFER_BYTES = 64 * 1024


class Command(BaseCommand):
    help = "Serve the live stream (GET /api/stream) at HOST and STREAM_PORT until stopped."

    def handle(self, *args: Any, **options: Any) -> None:
        # Those of an API request (todo_project/web_process.py).
        limit_sessions(statement_timeout=15, lock_timeout=5, idle_in_transaction_session_timeout=30)
        serve_metrics()
        raise_file_limit()
        app = application()
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            ws="none",
            # uvicorn's other parser has no limit to a header: one without an end held up every stream.
            http="h11",
            timeout_graceful_shutdown=STOP_SECONDS,
        )
        try:
            listener = listen(settings.STREAM_HOST, settings.STREAM_PORT)
        except OSError as error:
            raise CommandError(f"{settings.STREAM_HOST}:{settings.STREAM_PORT}: {error.strerror}") from error
        log.info("stream_served", host=settings.STREAM_HOST, port=settings.STREAM_PORT)
        StreamServer(config).run(sockets=[listener])


class StreamServer(uvicorn.Server):
    """Ends the streams first: the server waits for its requests to end, and those never would.

    At rest it wakes once a second, to write the Date header; uvicorn's own wakes ten times.
    """

    _wake: asyncio.Event | None = None
    _loop: asyncio.AbstractEventLoop | None = None

    async def main_loop(self) -> None:
        self._loop, self._wake = asyncio.get_running_loop(), asyncio.Event()
        while not await self.on_tick(0):  # 0: with the header
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), timeout=1)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        super().handle_exit(sig, frame)
        if self._loop and self._wake:
            self._loop.call_soon_threadsafe(self._wake.set)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        state = self.config.app.state  # type: ignore[union-attr] # ours
        state.hub.stop()
        for guest in state.guests:
            await asyncio.to_thread(guest.stop)
        await super().shutdown(sockets)


def listen(host: str, port: int) -> socket.socket:
    """A listening socket, whose options each of its connections has too."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, port), family=family, backlog=2048)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        # Linux: the system ends a connection whose client does not read for this long, even while it closes.
        milliseconds = int(settings.STREAM_SEND_TIMEOUT_SECONDS * 1000)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, milliseconds)
    return listener


def raise_file_limit() -> None:
    """A connection is an open file: as many as this process may have."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
