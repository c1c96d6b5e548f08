"""The lines of a conversation as the model is shown them: from PostgreSQL, or from a copy in the state store.

A copy counts only with our seal, of the state that the conversation's row is in: a writer of the store
cannot put words into a mouth, and a late copy is none. So every change of a message goes through
this file, which also changes `updated_at`.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac

from chat_app.language_models import Line, ToolCall
from chat_app.models import Conversation, Message, Turn
from state_store.conversations import forget_conversation, get_conversation, put_conversation

# What the model reads about a call that has no result: its turn ended before, or its user did not allow it.
NOT_CARRIED_OUT = "Not carried out: the turn ended before."
DECLINED = "Not done: the user does not allow it."
EXPIRED = "Not done: the user did not answer in time. Ask again if it is still wanted."


def lock_conversation(conversation_id: UUID) -> Conversation:
    """The conversation, until the end of the transaction. Raises DoesNotExist."""
    return Conversation.objects.select_for_update(no_key=True).get(pk=conversation_id)


def append(conversation: Conversation, turn: Turn | None, lines: Sequence[Line], *, tokens: int = 0) -> None:
    """Add lines at the end of a locked conversation. `tokens` are those of the first."""
    last = conversation.messages.aggregate(last=models.Max("position"))["last"]
    position = 0 if last is None else last + 1
    now = timezone.now()
    rows = [
        Message(
            conversation=conversation,
            turn=turn,
            role=line.role,
            content=line.content,
            tool_calls=[_call_as_json(call) for call in line.calls],
            tool_call_id=line.call_id,
            provider_state=line.provider_state,
            tokens_used=0 if number else tokens,
            position=position + number,
            created_at=now,
        )
        for number, line in enumerate(lines)
    ]
    Message.objects.bulk_create(rows)
    _touch(conversation)


def settle(conversation: Conversation, turn_id: UUID, results: Mapping[str, str]) -> None:
    """Replace the results of calls, by their ids, in a locked conversation: its user has decided."""
    rows = list(
        conversation.messages.filter(turn=turn_id, role=Message.Role.TOOL, tool_call_id__in=results.keys())
    )
    for row in rows:
        row.content = results[row.tool_call_id]
    Message.objects.bulk_update(rows, ["content"])
    _touch(conversation)


def lines_of(conversation: Conversation) -> list[Line]:
    """The newest lines, at most ASSISTANT_HISTORY_MESSAGES."""
    found = _from_copy(conversation)
    if found is None:
        found = newest_lines(conversation)
        keep_copy(conversation, found)
    return found


def newest_lines(conversation: Conversation) -> list[Line]:
    """The same, from the table."""
    rows = list(conversation.messages.order_by("-position")[: settings.ASSISTANT_HISTORY_MESSAGES])
    return [_line_of(row) for row in reversed(rows)]


def keep_copy(conversation: Conversation, lines: Sequence[Line]) -> None:
    """Store the lines, which are those of the conversation as its row is now."""
    messages = [_line_as_json(line) for line in lines[-settings.ASSISTANT_HISTORY_MESSAGES :]]
    context = {"user_id": str(conversation.user_id), "updated_at": conversation.updated_at.isoformat()}
    context["seal"] = _seal(conversation, messages)
    text = json.dumps({"messages": messages, "context": context}, separators=(",", ":"))
    put_conversation(conversation.pk, text)


def forget_copy(instance: Conversation, **_signal: Any) -> None:
    """Delete the copy of a conversation that is deleted: by its user, by age, or with the account."""
    forget_conversation(instance.pk)


def shown(lines: Sequence[Line]) -> list[Line]:
    """The lines as a model takes them: from a user's line on, each call with its result after it."""
    first = next((number for number, line in enumerate(lines) if line.role == "user"), len(lines))
    results = {line.call_id: line for line in lines if line.role == "tool"}
    found: list[Line] = []
    for line in lines[first:]:
        if line.role != "tool":
            found.append(line)
            found += [results.get(call.id) or _not_carried_out(call) for call in line.calls]
    return found


def _not_carried_out(call: ToolCall) -> Line:
    return Line("tool", NOT_CARRIED_OUT, call_id=call.id)


def _from_copy(conversation: Conversation) -> list[Line] | None:
    text = get_conversation(conversation.pk)
    if text is None:
        return None
    try:
        stored = json.loads(text)
        messages, seal = stored["messages"], stored["context"]["seal"]
        if not constant_time_compare(seal, _seal(conversation, messages)):
            return None
        return [_line_from_json(message) for message in messages]
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        return None


def _seal(conversation: Conversation, messages: list[Any]) -> str:
    parts = [str(conversation.pk), str(conversation.user_id), conversation.updated_at.isoformat(), messages]
    text = json.dumps(parts, separators=(",", ":"), sort_keys=True)
    return salted_hmac("chat_app.history", text, algorithm="sha256").hexdigest()


def _touch(conversation: Conversation) -> None:
    # Later than before, whatever the clock says: it is also the version of the copy.
    before, now = conversation.updated_at, timezone.now()
    conversation.updated_at = now if now > before else before + timedelta(microseconds=1)
    conversation.save(update_fields=["updated_at"])


def _line_of(row: Message) -> Line:
    calls = tuple(ToolCall(**call) for call in row.tool_calls)
    return Line(row.role, row.content, calls, row.tool_call_id, row.provider_state)


def _call_as_json(call: ToolCall) -> dict[str, Any]:
    return {"id": call.id, "name": call.name, "arguments": call.arguments}


def _line_as_json(line: Line) -> dict[str, Any]:
    found: dict[str, Any] = {"role": line.role, "content": line.content}
    if line.calls:
        found["tool_calls"] = [_call_as_json(call) for call in line.calls]
    if line.call_id:
        found["tool_call_id"] = line.call_id
    if line.provider_state:
        found["provider_state"] = line.provider_state
    return found


def _line_from_json(stored: dict[str, Any]) -> Line:
    calls = tuple(ToolCall(**call) for call in stored.get("tool_calls", ()))
    return Line(
        stored["role"],
        stored["content"],
        calls,
        stored.get("tool_call_id", ""),
        stored.get("provider_state"),
    )
