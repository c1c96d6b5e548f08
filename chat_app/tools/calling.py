"""The one way to call a tool.

A call is one transaction under the lock of its turn: what it changes, the record of that, and the row that
says it was carried out. So it happens once, however often it is asked for; the steps of a turn are counted
although a model calls several tools at once; and a turn that was cancelled or taken over changes nothing.

The tool always runs first, and its changes show whether its user must be asked: then they are rolled back,
and the question names them. No argument can say that nothing need be asked.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from django.db import Error as DatabaseError
from django.db import transaction
from django.utils import timezone
from pydantic import ValidationError as ArgumentsError

from chat_app.models import LONGEST_CALL_ID, Change, Confirmation, ToolCall, Turn
from chat_app.snapshots import Changes
from chat_app.tools.refusing import conflict, refuse_arguments
from chat_app.tools.registry import TOOLS
from chat_app.tools.tool import Arguments, NeedsConfirmation, Result, Tool, ToolError, TurnContext
from chat_app.tools.words import words_of
from events_app.outbox import acting_as

# More tasks than these, over the whole turn, and the user is asked.
MOST_STEPS = 5
CONFIRMATION_LIFETIME = timedelta(minutes=30)


def call(context: TurnContext, name: str, raw_arguments: Any, *, call_id: str) -> Result | NeedsConfirmation:
    """Call a tool for the turn. `call_id` names the call: again with the same one, nothing is done.

    Raises ToolError, for which nothing was changed; and Unavailable (503): then the call may be repeated.
    """
    tool = _tool(name)
    arguments = parse(tool, raw_arguments)
    if tool.scope == "read":
        return Result(tool.run(context, arguments))
    try:
        with transaction.atomic():
            return _write(context, tool, arguments, call_id, allowed_words=None)
    except DatabaseError as error:
        raise conflict(error) from error


def call_confirmed(context: TurnContext, confirmation: Confirmation) -> Result:
    """Carry out what its user has allowed: what is stored, if it still does what the question said.

    Runs in the transaction that decides the confirmation. Raises ToolError, `changed_since` if not.
    """
    tool = _tool(confirmation.tool)
    arguments = parse(tool, confirmation.arguments)
    answer = _write(context, tool, arguments, confirmation.call_id, allowed_words=confirmation.words)
    assert isinstance(answer, Result)
    return answer


def parse(tool: Tool, raw_arguments: Any) -> Arguments:
    """The arguments in their types. Raises ToolError naming each that is wrong."""
    if not isinstance(raw_arguments, Mapping):
        raise ToolError.of("invalid", "Send the arguments as a JSON object.")
    try:
        return tool.arguments.model_validate(dict(raw_arguments))
    except ArgumentsError as error:
        raise refuse_arguments(error, list(tool.arguments.model_fields)) from error


def _tool(name: str) -> Tool:
    tool = TOOLS.get(name) if isinstance(name, str) else None
    if tool is None:
        raise ToolError.of("unknown_tool", f"There is no such tool. There are: {', '.join(TOOLS)}.")
    return tool


def _write(
    context: TurnContext, tool: Tool, arguments: Arguments, call_id: str, *, allowed_words: str | None
) -> Result | NeedsConfirmation:
    if not 0 < len(call_id) <= LONGEST_CALL_ID:
        raise ToolError.of("invalid", f"The id of a call has 1 to {LONGEST_CALL_ID} characters.")
    turn = _lock(context, is_confirmed=allowed_words is not None)
    done = ToolCall.objects.filter(turn=turn, call_id=call_id).first()
    if done is not None:
        return Result(done.result, is_repeat=True)
    if allowed_words is None and (asked := turn.confirmations.filter(call_id=call_id).first()):
        return NeedsConfirmation(asked)
    context = replace(context, turn=turn, changes=Changes())
    savepoint = transaction.savepoint()
    with acting_as(context.actor):
        data = tool.run(context, arguments)
    if _must_ask(context, tool) or allowed_words is not None:
        words = words_of(context.user, context.changes.made)
        if allowed_words is None:
            transaction.savepoint_rollback(savepoint)
            return NeedsConfirmation(_ask(context, tool, arguments, call_id, words))
        if words != allowed_words:
            raise ToolError.of(
                "changed_since", "What this would do has changed since you were asked. Ask again."
            )
    transaction.savepoint_commit(savepoint)
    context.changes.save(turn)
    ToolCall.objects.create(turn=turn, call_id=call_id, tool=tool.name, result=data)
    return Result(data)


def _lock(context: TurnContext, *, is_confirmed: bool) -> Turn:
    """The turn, locked. Raises ToolError if it may change nothing any more."""
    mine = Turn.objects.filter(pk=context.turn.pk, user=context.user.pk, user__is_active=True)
    turn = mine.select_for_update(of=("self",), no_key=True).first()
    states = {Turn.State.RUNNING, *([Turn.State.WAITING, Turn.State.DONE] if is_confirmed else [])}
    if turn is None or turn.state not in states or turn.undone_at is not None:
        raise ToolError.of("turn_ended", "This turn has ended: nothing more is changed in it.")
    return turn


def _must_ask(context: TurnContext, tool: Tool) -> bool:
    """Whether this call, which has run, needs its user's word. Raises ToolError where no one can be asked."""
    now = context.changes.asked
    rows = Change.objects.filter(turn=context.turn, was_asked=True)
    steps = now.union(rows.values_list("kind", "object_id"))
    is_wide = bool(now) and len(steps) > MOST_STEPS
    if context.can_ask:
        return is_wide or (tool.is_destructive and bool(now))
    if is_wide:
        right = f"Change {MOST_STEPS} at most in one call."
        raise ToolError.of(
            "too_many", f"This would change {len(steps)} things, and no one can be asked. {right}"
        )
    return False


def _ask(context: TurnContext, tool: Tool, arguments: Arguments, call_id: str, words: str) -> Confirmation:
    assert context.turn.conversation is not None
    return Confirmation.objects.create(
        user=context.user,
        conversation=context.turn.conversation,
        turn=context.turn,
        call_id=call_id,
        tool=tool.name,
        arguments=arguments.model_dump(mode="json", exclude_unset=True),
        words=words,
        expires_at=timezone.now() + CONFIRMATION_LIFETIME,
        created_at=context.now,
    )
