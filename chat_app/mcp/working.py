"""One call of a tool, in a thread of a bounded pool, so that many calls do not hold up the live streams."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

from django.conf import settings
from django.db import close_old_connections, connection, connections, transaction
from django.utils import timezone
from pydantic import Field

from accounts_app.models import ApiToken, User
from chat_app.models import Turn
from chat_app.tools.calling import call, parse
from chat_app.tools.refusing import refusals
from chat_app.tools.registry import TOOLS
from chat_app.tools.tool import Arguments, Result, Tool, ToolError, TurnContext, actor_of
from chat_app.undo import undo
from events_app.outbox import acting_as
from http_app.throttling import Operations, Previews, Writes

# The limits of an API request (todo_project/wsgi.py).
_DATABASE_LIMITS = "SET statement_timeout = '15s'; SET lock_timeout = '5s'"
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class SignedIn:
    """Who calls. `scopes` are those of an API token; a person's own token has both."""

    user: User
    scopes: frozenset[str]


class Undo(Arguments):
    undo_id: str = Field(pattern=r"^[0-9a-f-]{36}$", description="The undo_id that a call answered.")


def _undo(context: TurnContext, arguments: Undo) -> dict[str, Any]:
    try:
        turn_id = UUID(arguments.undo_id)
    except ValueError:
        raise ToolError.of("invalid", "Send an undo_id as a call answered it.", "undo_id") from None
    with refusals():
        answer = undo(context.user, turn_id=turn_id)
    return {"undone": list(map(vars, answer.undone)), "left": list(map(vars, answer.left))}


UNDO = Tool(
    "undo",
    "Undo what one call changed. What was changed since stays, and is named in `left`.",
    Undo,
    _undo,
)
OFFERED: dict[str, Tool] = {**TOOLS, UNDO.name: UNDO}


class Pool:
    """MCP_THREADS threads, each with a connection to the database of its own."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(
            settings.MCP_THREADS, thread_name_prefix="mcp", initializer=self._begin
        )
        self._connections: list[Any] = []

    async def run(self, function: Callable[[], Answer]) -> Answer:
        """Call it in a thread, under the context variables of the caller."""
        inside = partial(copy_context().run, _with_connection, function)
        return await asyncio.get_running_loop().run_in_executor(self._threads, inside)

    def close(self) -> None:
        """Wait for the calls that are being carried out, and close the connections."""
        self._threads.shutdown(cancel_futures=True)
        for one in self._connections:
            one.close()

    def _begin(self) -> None:
        mine = connections["default"]
        mine.inc_thread_sharing()  # the thread that ends the pool closes it
        self._connections.append(mine)


def call_tool(caller: SignedIn, name: str, arguments: Any) -> dict[str, Any]:
    """The answer of a tool, with the `undo_id` of a call that has changed something. Raises ToolError."""
    tool = OFFERED.get(name)
    if tool is None:
        raise ToolError.of("unknown_tool", f"There is no such tool. There are: {', '.join(OFFERED)}.")
    if tool.scope not in caller.scopes:
        detail = f"This API token does not have the scope `{tool.scope}`, which this tool requires."
        raise ToolError.of("scope_missing", detail)
    _count(caller.user, tool, arguments)
    if tool.scope == "read":
        turn = Turn(user=caller.user)
        return dict(
            _result(call(TurnContext(caller.user, turn, timezone.now()), name, arguments, call_id="1"))
        )
    if tool is UNDO:
        with acting_as(actor_of(Turn())):
            return tool.run(TurnContext(caller.user, Turn(), timezone.now()), parse(tool, arguments))
    # One transaction: a call that is refused leaves no turn.
    with transaction.atomic():
        now = timezone.now()
        turn = Turn.objects.create(user=caller.user, started_at=now, lease_until=now)
        answer = _result(call(TurnContext(caller.user, turn, now), name, arguments, call_id="1"))
        Turn.objects.filter(pk=turn.pk).update(state=Turn.State.DONE, ended_at=timezone.now())
        return {**answer, "undo_id": str(turn.pk)}


def _result(answer: Any) -> Any:
    assert isinstance(answer, Result), "no one can be asked"
    return answer.data


def _count(user: User, tool: Tool, arguments: Any) -> None:
    """Count the call against the limits of the API: of writes, and of operations for each task it names."""
    if tool.scope == "read":
        _take(Previews(), user, 1)
        return
    _take(Writes(), user, 1)
    given = arguments if isinstance(arguments, dict) else {}
    named = [given.get(name) for name in ("task_ids", "tasks")]
    if number := sum(len(one) for one in named if isinstance(one, list)):
        _take(Operations(), user, number)


def _take(throttle: Writes | Operations | Previews, user: User, amount: int) -> None:
    if not throttle.allows(str(user.pk), amount):
        detail = f"Too many requests. Try again in {throttle.wait():.0f} s."
        raise ToolError.of("throttled", detail)


def _with_connection(function: Callable[[], Answer]) -> Answer:
    close_old_connections()
    try:
        with connection.cursor() as cursor:
            cursor.execute(_DATABASE_LIMITS)
        return function()
    finally:
        close_old_connections()


def scopes_of(auth: Any) -> frozenset[str]:
    return frozenset(auth.scopes) if isinstance(auth, ApiToken) else frozenset(ApiToken.Scope.values)
