"""Copies of conversations, an hour each. PostgreSQL has them: without the store they are read there.

The reader checks what it gets: any text may stand under the key.
"""

from datetime import timedelta
from uuid import UUID

from state_store import keys
from state_store.pause import Pause
from state_store.value_store import StoreAway
from state_store.values import value_store

KEPT = timedelta(seconds=3_600)
_LONGEST = 8 * 1024 * 1024
pause = Pause()


def get_conversation(conversation_id: UUID) -> str | None:
    """The text under the conversation's key; None without one, or without the store."""
    key = keys.conversation(conversation_id)
    found = pause.ask(lambda: value_store(quick=True).get(key), StoreAway)
    return found.text if found and 0 < len(found.text) <= _LONGEST else None


def put_conversation(conversation_id: UUID, text: str) -> None:
    """Store the text for an hour, if the store is there."""
    values = {keys.conversation(conversation_id): text}
    pause.ask(lambda: value_store(quick=True).put(values, ttl=KEPT), StoreAway)


def forget_conversation(conversation_id: UUID) -> None:
    """Delete the copy, if the store is there."""
    key = keys.conversation(conversation_id)
    pause.ask(lambda: value_store(quick=True).delete(key, etag=None), StoreAway)
