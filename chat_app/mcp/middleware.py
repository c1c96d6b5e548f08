"""Who asks: each request is signed in before the library reads it; without a token it gets a 401."""

import asyncio
from collections import Counter
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from rest_framework.exceptions import AuthenticationFailed, NotAuthenticated
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from accounts_app.models import ApiToken
from chat_app.mcp.calls import SignedIn, scopes_of
from chat_app.mcp.server import CALLER
from chat_app.threads import DatabaseThreads
from http_app.errors import Overloaded, TooManyAtOnce
from sync_app.access import by_header
from sync_app.responses import error_response

# Requests that wait or are answered: of one user, and for each thread of the pool.
MOST_OF_A_USER = 4
MOST_FOR_A_THREAD = 16
METADATA = "/.well-known/oauth-protected-resource"


class AccessMiddleware:
    """Lets requests with a valid token in, some at a time."""

    def __init__(self, app: ASGIApp, threads: DatabaseThreads) -> None:
        self._app, self._threads = app, threads
        self._of_user: Counter[UUID] = Counter()
        self._inside = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        if self._inside >= settings.MCP_THREADS * MOST_FOR_A_THREAD:
            await refusal(request, Overloaded())(scope, receive, send)
            return
        self._inside += 1
        try:
            await self._signed_in(request, scope, receive, send)
        finally:
            self._inside -= 1

    async def _signed_in(self, request: Request, scope: Scope, receive: Receive, send: Send) -> None:
        header = request.headers.get("Authorization", "")
        try:
            caller = await self._threads.run(signed_in, header)
        except Exception as error:
            await refusal(request, error)(scope, receive, send)
            return
        user_id = caller.user.pk
        if self._of_user[user_id] >= MOST_OF_A_USER:
            await refusal(request, TooManyAtOnce())(scope, receive, send)
            return
        self._of_user[user_id] += 1
        try:
            await self._app({**scope, CALLER: caller}, _in_time(receive), send)
        finally:
            self._of_user[user_id] -= 1
            if not self._of_user[user_id]:
                del self._of_user[user_id]


def signed_in(header: str) -> SignedIn:
    """Who sends this `Authorization` header. Raises what the API's authentication raises (401, 403)."""
    user, auth = by_header(header)  # as for reading: each tool asks for its own scope
    return SignedIn(user, scopes_of(auth))


def refusal(request: Request, error: Exception) -> Response:
    """The API's answer; to one without a valid token with where the metadata of this resource are."""
    response = error_response(request, error)
    if isinstance(error, AuthenticationFailed | NotAuthenticated):
        url = urlsplit(str(settings.MCP_URL))
        where = f"{url.scheme}://{url.netloc}{METADATA}{url.path}"
        response.headers["WWW-Authenticate"] = f'Bearer realm="api", resource_metadata="{where}"'
    return response


async def metadata(_request: Request) -> Response:
    """What protects this resource (RFC 9728): API tokens, which users make themselves."""
    return JSONResponse(
        {
            "resource": settings.MCP_URL,
            "resource_name": "To-do list",
            "scopes_supported": list(ApiToken.Scope.values),
            "bearer_methods_supported": ["header"],
        }
    )


def _in_time(receive: Receive) -> Receive:
    """The body must be complete in the time of any request's."""
    deadline = asyncio.get_running_loop().time() + settings.BODY_SECONDS
    is_complete = False

    async def receive_in_time() -> Message:
        nonlocal is_complete
        if is_complete:  # what follows is the end of the connection, for which the library waits
            return await receive()
        async with asyncio.timeout_at(deadline):
            message = await receive()
        is_complete = not message.get("more_body", False)
        return message

    return receive_in_time
