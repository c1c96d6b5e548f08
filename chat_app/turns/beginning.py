"""A message of a user becomes a turn: one at a time in a conversation, and once for each Idempotency-Key."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone
from rest_framework.exceptions import NotFound

from accounts_app.models import User
from chat_app.confirmations import expire_unanswered
from chat_app.exceptions import TurnCancelled, TurnRunning, TurnUndone
from chat_app.history import append, lines_of, lock_conversation
from chat_app.language_models import Line
from chat_app.models import Conversation, Message, Turn
from chat_app.turns.ending import fail_left_behind, new_lease
from chat_app.turns.limits import check_limits, count_use
from http_app.errors import IdempotencyKeyReused
from tasks_app.models import Priority

_TITLE_LENGTH = 60


@dataclass(frozen=True)
class Begun:
    """A turn to run. `started_at` marks this attempt apart from an earlier one of the same message.

    `said_at` is the time of the message, from which "in an hour" counts. `lines` are the conversation's so
    far; the last one is the user's, or, where an earlier attempt got so far, a result.
    """

    turn_id: UUID
    conversation_id: UUID
    user: User
    started_at: datetime
    said_at: datetime
    lines: list[Line]
    priorities: list[tuple[str, int]]


@dataclass(frozen=True)
class Repeat:
    """The message was answered before, with this."""

    result: dict[str, Any]


@transaction.atomic
def begin(
    user: User, message: str, *, conversation_id: UUID | None, key: str | None = None, request_hash: str = ""
) -> Begun | Repeat:
    """Store the message and begin its turn, or find what it was answered before.

    Raises NotFound (404) for another's conversation, TurnRunning, TurnCancelled and TurnUndone (409),
    IdempotencyKeyReused (422), DayUsedUp (429).
    """
    before = _turn_of(user, key, request_hash) if key else None
    if before and before.result:
        return Repeat(before.result)
    conversation = _conversation(user, before.conversation_id if before else conversation_id, message)
    fail_left_behind(conversation.turns.all())
    if conversation.turns.filter(state=Turn.State.RUNNING).exists():
        raise TurnRunning
    if before:
        before.refresh_from_db()
        if before.result:  # it was answered while we waited
            return Repeat(before.result)
        if before.state == Turn.State.CANCELLED:
            raise TurnCancelled
        if before.undone_at:
            raise TurnUndone
    check_limits(user.pk)
    count_use(user.pk, turns=1)
    turn = _again(before) if before else _new(user, conversation, key, request_hash)
    expire_unanswered(conversation)
    lines = lines_of(conversation)
    if not _is_last(conversation, turn):
        said = Line(Message.Role.USER, message)
        append(conversation, turn, [said])
        lines = [*lines, said]
    priorities = list(Priority.objects.order_by("level").values_list("name", "level"))
    return Begun(turn.pk, conversation.pk, user, turn.started_at, _said_at(turn), lines, priorities)


def _turn_of(user: User, key: str, request_hash: str) -> Turn | None:
    """The turn of an earlier request with this key. Raises IdempotencyKeyReused (422)."""
    turn = Turn.objects.filter(user=user, idempotency_key=key).first()
    if turn and turn.request_hash != request_hash:
        raise IdempotencyKeyReused
    return turn


def _conversation(user: User, conversation_id: UUID | None, message: str) -> Conversation:
    """The conversation, locked; a new one without an id."""
    if conversation_id is None:
        return Conversation.objects.create(user=user, title=_title(message))
    try:
        conversation = lock_conversation(conversation_id)
    except Conversation.DoesNotExist:
        conversation = None
    if conversation is None or conversation.user_id != user.pk:
        raise NotFound("You have no conversation with this id.")
    if not conversation.title:
        conversation.title = _title(message)
        conversation.save(update_fields=["title"])
    return conversation


def _new(user: User, conversation: Conversation, key: str | None, request_hash: str) -> Turn:
    turn = Turn(user=user, conversation=conversation, idempotency_key=key, request_hash=request_hash)
    turn.lease_until = new_lease()
    try:
        turn.save(force_insert=True)
    except IntegrityError as error:  # the same request, sent twice at once
        raise TurnRunning from error
    return turn


def _again(turn: Turn) -> Turn:
    """An attempt that failed is made again: what it had carried out is in the lines."""
    turn.state, turn.error, turn.ended_at = Turn.State.RUNNING, None, None
    turn.started_at, turn.lease_until = timezone.now(), new_lease()
    turn.save(update_fields=["state", "error", "ended_at", "started_at", "lease_until"])
    return turn


def _said_at(turn: Turn) -> datetime:
    messages = turn.messages.filter(role=Message.Role.USER).order_by("-position")
    return messages.values_list("created_at", flat=True)[0]


def _is_last(conversation: Conversation, turn: Turn) -> bool:
    """Whether the conversation ends with lines of this turn: nothing was said since."""
    last = conversation.messages.order_by("-position").values_list("turn", flat=True).first()
    return last == turn.pk


def _title(message: str) -> str:
    line = " ".join(message.split())
    return line if len(line) <= _TITLE_LENGTH else f"{line[: _TITLE_LENGTH - 1].rstrip()}…"
