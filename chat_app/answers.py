"""What a user decides afterwards is noted in the conversation, where the model reads it: each in the result
of the call that it is about.
"""

import json
from collections.abc import Mapping
from typing import Any

from chat_app.history import lock_conversation, settle
from chat_app.models import Confirmation, Turn
from chat_app.undo import Thing, Undone

DECLINED = "Not done: the user does not allow it."
UNDONE = "The user has undone this turn. All is as it was before"


def note_decision(confirmation: Confirmation, result: Mapping[str, Any] | None, **_signal: Any) -> None:
    """Replace what stood for the result."""
    text = DECLINED if result is None else _as_text(result)
    conversation = lock_conversation(confirmation.conversation_id)
    settle(conversation, confirmation.turn_id, {confirmation.call_id: text})


def note_undo(turn: Turn, answer: Undone, **_signal: Any) -> None:
    """Say in each result of the turn that it does not stand any more, and what was left."""
    if turn.conversation_id is None:  # a call by MCP
        return
    conversation = lock_conversation(turn.conversation_id)
    left = "; ".join(map(_named, answer.left))
    note = f"{UNDONE}, except: {left}." if left else f"{UNDONE}."
    results = {call.call_id: _as_text({"undone": note, **call.result}) for call in turn.calls.all()}
    # What it still asked was declined with it.
    declined = turn.confirmations.filter(state=Confirmation.State.DECLINED)
    settle(
        conversation, turn.pk, results | dict.fromkeys(declined.values_list("call_id", flat=True), DECLINED)
    )


def _named(thing: Thing) -> str:
    return f"{thing.kind} {thing.id} “{thing.name}” ({thing.reason})"


def _as_text(result: Mapping[str, Any]) -> str:
    return json.dumps(result, ensure_ascii=False)
