"""The RSGI application: it reads a request in the event loop, and has it answered in a thread."""

from asyncio import AbstractEventLoop, get_running_loop
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import structlog
from rest_framework.exceptions import APIException

from http_app.bridge.bodies import Bodies, Body, Limits
from http_app.bridge.environ import address_of, environ_of, refuse_unreadable, set_body, token_of
from http_app.bridge.idle_connections import close_idle, files_are_short
from http_app.bridge.rsgi import HTTPProtocol, Scope
from http_app.bridge.slow_readers import end_slow_readers
from http_app.bridge.turns import CallerTurns
from http_app.error_answers import REFUSAL
from http_app.metrics import WORKERS_STARTED

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

log = structlog.get_logger(__name__)

# Of a worker: two slow requests must not hold up all others, and each thread keeps a database connection.
THREADS = 4
# One caller leaves half of the threads to the others. More waiting requests than any honest client has.
AT_ONCE_OF_A_CALLER, WAITING_OF_A_CALLER = 2, 500
_CLOSE = ("Connection", "close")
_SECONDS_BETWEEN_LOOKS = 0.2


class Bridge:
    """Answers RSGI requests by a WSGI application, which reads and writes without waiting for the client.

    The application answers the bridge's own errors too (http_app/error_answers.py), so that they look like
    all others.
    """

    def __init__(self, application: "WSGIApplication", limits: Limits) -> None:
        self._application = application
        self._limits = limits

    def __rsgi_init__(self, loop: AbstractEventLoop) -> None:
        """Called in each worker before its first request, and after the fork."""
        WORKERS_STARTED.inc()
        self._busy: Counter[str] = Counter()  # by the client's host and port
        loop.call_later(1, end_slow_readers)  # the socket does not listen yet
        loop.call_later(1, self._look_at_files, loop)
        self._bodies = Bodies(self._limits)
        self._turns = CallerTurns(at_once=AT_ONCE_OF_A_CALLER, waiting=WAITING_OF_A_CALLER)
        self._threads = ThreadPoolExecutor(THREADS, "request")
        # Its own thread: a refusal does not wait for the requests that are the reason for it.
        self._refusing = ThreadPoolExecutor(1, "refusal")

    async def __rsgi__(self, scope: Scope, protocol: HTTPProtocol) -> None:
        """Answer one request."""
        client = scope.client
        self._busy[client] += 1
        try:
            await self._respond(scope, protocol)
        finally:
            self._busy[client] -= 1
            if not self._busy[client]:
                del self._busy[client]

    async def _respond(self, scope: Scope, protocol: HTTPProtocol) -> None:
        environ = environ_of(scope)
        address = address_of(environ)
        body = None
        try:
            refuse_unreadable(scope.headers)
            if body := self._bodies.of(scope.headers, protocol, address):
                set_body(environ, await body.read())
            async with self._turns.turn(token_of(environ) or address):
                await self._run(self._threads, environ, protocol)
        except APIException as error:
            await self._refuse(error, environ, protocol, body)
        finally:
            if body:
                body.release()

    def _look_at_files(self, loop: AbstractEventLoop) -> None:
        if files_are_short() and (count := close_idle(self._busy)):
            log.warning("idle_connections_closed", count=count)
        loop.call_later(_SECONDS_BETWEEN_LOOKS, self._look_at_files, loop)

    async def _refuse(
        self, error: APIException, environ: dict[str, Any], protocol: HTTPProtocol, body: Body | None
    ) -> None:
        environ[REFUSAL] = error
        # A client that waits for a 100 does not send the body now, and what it sends next is no body.
        reads_on = body is not None and body.is_worth_reading and "HTTP_EXPECT" not in environ
        set_body(environ, b"")
        await self._run(self._refusing, environ, protocol, *([] if reads_on else [_CLOSE]))
        if body and reads_on:
            await body.discard()

    async def _run(
        self,
        threads: ThreadPoolExecutor,
        environ: dict[str, Any],
        protocol: HTTPProtocol,
        *headers: tuple[str, str],
    ) -> None:
        loop = get_running_loop()
        await loop.run_in_executor(threads, answer, self._application, environ, protocol, headers)


def answer(
    application: "WSGIApplication",
    environ: dict[str, Any],
    protocol: HTTPProtocol,
    more_headers: tuple[tuple[str, str], ...] = (),
) -> None:
    """Call the application and hand over its whole answer, which is sent as fast as the client reads it."""
    status, headers = 0, list(more_headers)

    def start_response(line: str, given: list[tuple[str, str]], _error: Any = None) -> Any:
        nonlocal status
        status = int(line[:3])
        headers[:0] = given

    parts = application(environ, start_response)
    try:
        if content := b"".join(parts):
            protocol.response_bytes(status, headers, content)
        else:
            protocol.response_empty(status, headers)
    finally:
        if hasattr(parts, "close"):
            parts.close()
