"""Copies of conversations, an hour each. PostgreSQL has them: without the store they are read there.

The reader checks what it gets: any text may stand under the key.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar
from uuid import UUID

import structlog

from state_store import keys
from state_store.pause import Pause
from state_store.value_store import StoreAway, ValueStore
from state_store.values import value_store

log = structlog.get_logger(__name__)

Result = TypeVar("Result")

KEPT = timedelta(seconds=3_600)
_LONGEST = 8 * 1024 * 1024
pause = Pause()


def get_conversation(conversation_id: UUID) -> str | None:
    """The text under the conversation's key; None without one, or without the store."""
    found = _ask(lambda store: store.get(keys.conversation(conversation_id)))
    return found.text if found and 0 < len(found.text) <= _LONGEST else None


def put_conversation(conversation_id: UUID, text: str) -> None:
    """Store the text for an hour, if the store is there."""
    _ask(lambda store: store.put({keys.conversation(conversation_id): text}, ttl=KEPT))


def forget_conversation(conversation_id: UUID) -> None:
    """Delete the copy, if the store is there."""
    _ask(lambda store: store.delete(keys.conversation(conversation_id), etag=None))


def _ask(call: Callable[[ValueStore], Result]) -> Result | None:
    if not pause.may_ask():
        return None
    try:
        answer = call(value_store(quick=True))
    except StoreAway as error:
        pause.begin()
        log.warning("state_store_away", error=str(error))
        return None
    pause.end()
    return answer
