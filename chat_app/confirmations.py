"""What the assistant asks to be allowed, decided once by its user.

What is carried out is what the row says; nothing of it comes back from the client. What became of it replaces
the result of the call in the conversation, where the model reads it.
"""

import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from rest_framework.exceptions import NotFound

from accounts_app.models import User
from chat_app.history import DECLINED, EXPIRED, settle
from chat_app.models import Confirmation, Conversation, ToolCall, Turn
from chat_app.tools.calling import call_confirmed
from chat_app.tools.tool import ToolError, TurnContext
from http_app.errors import Conflict

State = Confirmation.State


@dataclass(frozen=True)
class Decided:
    """A confirmation as it was decided. `result` of what was carried out, else null.

    `is_repeat`: it had been decided so before, and this time nothing was done.
    """

    confirmation: Confirmation
    result: dict[str, Any] | None
    is_repeat: bool = False


@transaction.atomic
def confirm(user: User, confirmation_id: UUID) -> Decided:
    """Carry out the call, once. A repeat answers the same, and does nothing.

    Raises NotFound (404), and Conflict (409): `declined`, `expired`, or the code with which the tool refuses,
    such as `changed_since`.
    """
    confirmation = _locked(user, confirmation_id)
    if confirmation.state == State.CONFIRMED:
        done = ToolCall.objects.get(turn=confirmation.turn_id, call_id=confirmation.call_id)
        return Decided(confirmation, done.result, is_repeat=True)
    _refuse_unless_pending(confirmation)
    context = TurnContext(user, confirmation.turn, confirmation.created_at)
    try:
        result = call_confirmed(context, confirmation)
    except ToolError as error:
        raise Conflict(error.text, error.code) from error
    _decide(confirmation, State.CONFIRMED, json.dumps(result.data, ensure_ascii=False))
    return Decided(confirmation, dict(result.data))


@transaction.atomic
def decline(user: User, confirmation_id: UUID) -> Decided:
    """Do nothing, for good. Raises NotFound (404), and Conflict (409): `confirmed`, `expired`."""
    confirmation = _locked(user, confirmation_id)
    if confirmation.state == State.DECLINED:
        return Decided(confirmation, None, is_repeat=True)
    _refuse_unless_pending(confirmation)
    _decide(confirmation, State.DECLINED, DECLINED)
    return Decided(confirmation, None)


def expire_unanswered(conversation: Conversation) -> None:
    """Note the questions of a locked conversation that were not answered in their time."""
    unanswered = conversation.confirmations.filter(state=State.PENDING, expires_at__lte=timezone.now())
    for confirmation in unanswered:
        confirmation.conversation = conversation
        _decide(confirmation, State.EXPIRED, EXPIRED)


def _locked(user: User, confirmation_id: UUID) -> Confirmation:
    """Conversation, turn, confirmation: the order in which a turn, a call and an undo lock them."""
    mine = Confirmation.objects.filter(user=user, pk=confirmation_id)
    before: tuple[Any, ...] = (Conversation, Turn)
    for model in before:
        list(model.objects.filter(confirmations__in=mine).select_for_update(of=("self",), no_key=True))
    # Only now: while we waited, the conversation may have been deleted.
    related = mine.select_related("conversation", "turn")
    confirmation = related.select_for_update(of=("self",), no_key=True).first()
    if confirmation is None:
        raise NotFound("There is no such confirmation of yours.")
    return confirmation


def _refuse_unless_pending(confirmation: Confirmation) -> None:
    if confirmation.state == State.PENDING and confirmation.expires_at > timezone.now():
        return
    if confirmation.state in (State.PENDING, State.EXPIRED):
        raise Conflict("This question has expired. Ask the assistant again.", "expired")
    words = {
        State.CONFIRMED: "You have allowed this already. POST /api/conversations/{id}/undo takes it back.",
        State.DECLINED: "You have declined this. Ask the assistant again.",
    }
    raise Conflict(words[State(confirmation.state)], confirmation.state)


def _decide(confirmation: Confirmation, state: str, result: str) -> None:
    """Note it, with what the model reads as the result. Conversation and confirmation are locked."""
    confirmation.state, confirmation.decided_at = state, timezone.now()
    confirmation.save(update_fields=["state", "decided_at"])
    settle(confirmation.conversation, confirmation.turn_id, {confirmation.call_id: result})
    if not Confirmation.objects.filter(turn=confirmation.turn_id, state=State.PENDING).exists():
        waiting = Turn.objects.filter(pk=confirmation.turn_id, state=Turn.State.WAITING)
        waiting.update(state=Turn.State.DONE)
