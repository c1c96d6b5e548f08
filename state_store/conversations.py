"""Copies of conversations, an hour each. PostgreSQL has them: without the store they are read there.

The reader checks what it gets: any text may stand under the key.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog
from redis.exceptions import RedisError, ResponseError

from state_store import keys
from state_store.client import quick_store
from state_store.pause import Pause

log = structlog.get_logger(__name__)

KEPT = timedelta(seconds=3_600)
_LONGEST_BYTES = 8 * 1024 * 1024
# A sidecar of Dapr stores a hash with this field.
_FIELD = "data"
pause = Pause()


def get_conversation(conversation_id: UUID) -> str | None:
    """The text under the conversation's key; None without one, or without the store."""
    text: Any = _ask(lambda: _read(keys.conversation(conversation_id)))
    try:
        return text.decode() if text and len(text) <= _LONGEST_BYTES else None
    except UnicodeDecodeError:
        return None


def put_conversation(conversation_id: UUID, text: str) -> None:
    """Store the text for an hour, if the store is there."""
    _ask(lambda: quick_store().set(keys.conversation(conversation_id), text, ex=KEPT))


def forget_conversation(conversation_id: UUID) -> None:
    """Delete the copy, if the store is there."""
    _ask(lambda: quick_store().delete(keys.conversation(conversation_id)))


def _read(key: str) -> Any:
    try:
        return quick_store().get(key)
    except ResponseError:  # not a string
        return quick_store().hget(key, _FIELD)


def _ask(call: Callable[[], Any]) -> Any:
    if not pause.may_ask():
        return None
    try:
        answer = call()
    except ResponseError as error:  # the store is there, and has something else under the key
        log.warning("conversation_copy_unreadable", error=str(error))
        answer = None
    except RedisError as error:
        pause.begin()
        log.warning("state_store_away", error=str(error))
        return None
    pause.end()
    return answer
