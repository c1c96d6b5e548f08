"""What a user decides about a call becomes its result in the conversation, for the model to read."""

import json
from collections.abc import Mapping
from typing import Any

from chat_app.history import lock_conversation, settle
from chat_app.models import Confirmation, Turn

DECLINED = "Not done: the user does not allow it."


def note_decision(confirmation: Confirmation, result: Mapping[str, Any] | None, **_signal: Any) -> None:
    """Replace what stood for the result; with the last one the turn waits no more."""
    text = DECLINED if result is None else json.dumps(result, ensure_ascii=False)
    conversation = lock_conversation(confirmation.conversation_id)
    settle(conversation, confirmation.turn_id, confirmation.call_id, text)
    if not Confirmation.objects.filter(turn=confirmation.turn_id, state="pending").exists():
        Turn.objects.filter(pk=confirmation.turn_id, state=Turn.State.WAITING).update(state=Turn.State.DONE)
