"""One call of a tool, by a user who is signed in: its scope, its limits, and what undoes it."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from pydantic import Field

from accounts_app.models import ApiToken, User
from chat_app.models import Turn
from chat_app.tools.calling import call, parse
from chat_app.tools.refusing import refusals
from chat_app.tools.registry import TOOLS
from chat_app.tools.tool import Arguments, Result, Tool, ToolError, TurnContext
from chat_app.undo import undo
from events_app.outbox import acting_as
from http_app.throttling import Operations, Previews, Writes


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


def call_tool(caller: SignedIn, name: str, arguments: Any) -> dict[str, Any]:
    """The answer of a tool, with the `undo_id` of a call that has changed something. Raises ToolError."""
    tool = OFFERED.get(name)
    if tool is None:
        raise ToolError.of("unknown_tool", f"There is no such tool. There are: {', '.join(OFFERED)}.")
    if tool.scope not in caller.scopes:
        detail = f"This API token does not have the scope `{tool.scope}`, which this tool requires."
        raise ToolError.of("scope_missing", detail)
    _count(caller.user, tool, arguments)
    now = timezone.now()
    turn = Turn(user=caller.user, started_at=now, lease_until=now)
    context = TurnContext(caller.user, turn, now)
    if tool is UNDO:
        with acting_as(context.actor):
            return tool.run(context, parse(tool, arguments))
    if tool.scope == "read":
        return _answer(context, name, arguments)
    # One transaction: a call that is refused leaves no turn.
    with transaction.atomic():
        turn.save(force_insert=True)
        answer = _answer(context, name, arguments)
        turn.state, turn.ended_at = Turn.State.DONE, timezone.now()
        turn.save(update_fields=["state", "ended_at"])
        return {**answer, "undo_id": str(turn.pk)}


def _answer(context: TurnContext, name: str, arguments: Any) -> dict[str, Any]:
    answer = call(context, name, arguments, call_id="1")
    assert isinstance(answer, Result), "no one can be asked"
    return dict(answer.data)


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


def scopes_of(auth: Any) -> frozenset[str]:
    return frozenset(auth.scopes) if isinstance(auth, ApiToken) else frozenset(ApiToken.Scope.values)
