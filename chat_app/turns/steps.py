"""The answers of the model and the calls in them: each is stored, or carried out, once.

A call, what it changes and its result are one transaction, in which the turn is still running: after any
death either all of it is there or nothing.
"""

import json
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction

from chat_app.history import append, keep_copy, lock_conversation, newest_lines
from chat_app.language_models import Answer, Line, ToolCall
from chat_app.metrics import STEPS, TOKENS
from chat_app.models import Confirmation, Conversation, Message, Turn
from chat_app.tools.calling import call as call_tool
from chat_app.tools.tool import NeedsConfirmation, Result, ToolError, TurnContext
from chat_app.turns.beginning import Begun
from chat_app.turns.ending import finish
from chat_app.turns.limits import count_use

WAITS = "Not done yet: the user is asked to confirm this. Do not call it again; say what you asked for."


class TurnOver(Exception):  # noqa: N818 - it is no error
    """The turn was cancelled, or another process has taken it for dead."""


@dataclass(frozen=True)
class Step:
    """What became of a call. `action` is for the client, `line` is the result in the conversation."""

    action: dict[str, Any]
    line: Line
    confirmation: dict[str, Any] | None = None


@dataclass
class Done:
    """What a turn has answered and done so far."""

    texts: list[str] = field(default_factory=list)
    actions: list[dict[str, Any]] = field(default_factory=list)
    confirmations: list[dict[str, Any]] = field(default_factory=list)

    def as_answer(self, begun: Begun) -> dict[str, Any]:
        """The answer to the client, as it is stored too."""
        asked = [f"Shall I? {one['words']}" for one in self.confirmations]
        state = Turn.State.WAITING if self.confirmations else Turn.State.DONE
        return {
            "conversation_id": str(begun.conversation_id),
            "turn_id": str(begun.turn_id),
            "state": str(state),
            "reply": "\n\n".join(filter(None, self.texts)) or "\n\n".join(asked),
            "actions": self.actions,
            "confirmation": self.confirmations[0] if self.confirmations else None,
            "confirmations": self.confirmations,
        }


@transaction.atomic
def store_answer(begun: Begun, answer: Answer, *, result: dict[str, Any] | None) -> Line:
    """Store an answer of the model. With the turn's `result`, the answer is the last one and ends it.

    Returns its line. Raises TurnOver.
    """
    conversation, turn = _still_running(begun)
    line = Line(
        Message.Role.ASSISTANT, answer.text, tuple(answer.calls), provider_state=answer.provider_state
    )
    append(conversation, turn, [line], tokens=answer.tokens)
    if answer.tokens:
        TOKENS.inc(answer.tokens)
        count_use(begun.user.pk, tokens=answer.tokens)
    if result:
        finish(Turn.objects.filter(pk=turn.pk), result)
        # Under the lock, and from the table: a deletion that follows takes the copy with it, and what was
        # decided during this turn is in it.
        keep_copy(conversation, newest_lines(conversation))
    return line


@transaction.atomic
def carry_out(begun: Begun, call: ToolCall) -> Step:
    """Carry out a call, or ask for its confirmation, and store the result. Raises TurnOver."""
    conversation, turn = _still_running(begun)
    context = TurnContext(begun.user, turn, begun.said_at)
    confirmation = None
    try:
        outcome = call_tool(context, call.name, call.arguments, call_id=call.id)
    except ToolError as error:
        state, data, text = "refused", error.as_json(), json.dumps(error.as_json())
    else:
        if isinstance(outcome, NeedsConfirmation):
            state, data, text = "waiting", {}, WAITS
            confirmation = confirmation_as_json(outcome.confirmation)
        else:
            assert isinstance(outcome, Result)
            state, data = "done", dict(outcome.data)
            text = json.dumps(data, ensure_ascii=False)
    STEPS.labels(state).inc()
    line = Line(Message.Role.TOOL, text, call_id=call.id)
    append(conversation, turn, [line])
    action = {"call_id": call.id, "tool": call.name, "state": state, "arguments": call.arguments}
    return Step({**action, "result": data}, line, confirmation)


@transaction.atomic
def end_waiting(begun: Begun, result: dict[str, Any]) -> None:
    """End a turn that asks for confirmations. Raises TurnOver."""
    _conversation, turn = _still_running(begun)
    finish(Turn.objects.filter(pk=turn.pk), result)


def confirmation_as_json(confirmation: Confirmation) -> dict[str, Any]:
    """A confirmation as the client gets it: what exactly it allows, and until when."""
    return {
        "id": str(confirmation.pk),
        "tool": confirmation.tool,
        "words": confirmation.words,
        "expires_at": confirmation.expires_at.isoformat(),
    }


def _still_running(begun: Begun) -> tuple[Conversation, Turn]:
    """The conversation and its turn, locked, if the turn is still the one that was begun."""
    try:
        conversation = lock_conversation(begun.conversation_id)
    except Conversation.DoesNotExist as error:
        raise TurnOver from error
    turns = Turn.objects.select_for_update(no_key=True, of=("self",)).select_related("user")
    turn = turns.filter(
        pk=begun.turn_id, state=Turn.State.RUNNING, started_at=begun.started_at, user__is_active=True
    ).first()
    if turn is None:
        raise TurnOver
    return conversation, turn
