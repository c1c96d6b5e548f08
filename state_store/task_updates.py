"""Each user's latest task updates: a Redis stream, and a pub/sub hint for each new entry.

A reader continues from the id of the last entry it has read, and that entry must still exist. If it does not
(the stream was trimmed, expired or flushed, or this is another server), there may be a gap, and the reader
starts over. Redis makes the ids from its clock, so that a new stream does not use the ids of an old one.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from functools import lru_cache
from secrets import randbelow
from typing import Any, NamedTuple

import structlog
from django.conf import settings
from redis.asyncio.client import PubSub
from redis.commands.core import AsyncScript, Script
from redis.exceptions import RedisError, TimeoutError

from state_store import keys
from state_store.client import async_store, quick_store
from state_store.pause import Pause

log = structlog.get_logger(__name__)

# A stream keeps this many updates, until this long after the last one.
LENGTH = 1_000
KEPT = timedelta(days=1)
# After this silence a connection gets a PING; after the same time without a reply it is given up.
SILENCE_SECONDS = 5.0
# The pause of an event loop's reader: short, because all its streams wait for it.
READER_PAUSE_SECONDS = 1.0

# How many entries one read returns. If the stream cannot be continued, no more than this is read.
_PAGE = 100

# Every process that serves streams gets every hint, so a longer update is read only where it is needed.
HINTED_BYTES = 4_000

_FIELD = "update"
_ENTRY_ID = re.compile(r"[0-9]{1,15}-[0-9]{1,10}")
# A new stream begins with a random id, which no stream before can have had, even in the same millisecond.
_NEXT_ID = """
local function next_id(stream, random)
    if redis.call('EXISTS', stream) == 1 then return '*' end
    local now = redis.call('TIME')
    return now[1] .. string.format('%03d', math.floor(now[2] / 1000)) .. '-' .. random
end
"""
# Events may be delivered twice and topics replayed, so versions up to the last one added are ignored.
# KEYS: of each update its stream and its task's version. ARGV: what all have in common, then three of each.
_ADD = f"""{_NEXT_ID}
local kept, length, random, hints, hinted = unpack(ARGV, 1, 5)
local done = {{}}
for n = 1, #KEYS / 2 do
    local stream, passed = KEYS[2 * n - 1], KEYS[2 * n]
    local user, version, text = unpack(ARGV, 3 * n + 3, 3 * n + 5)
    done[n] = 0
    if tonumber(redis.call('GET', passed) or -1) < tonumber(version) then
        redis.call('SET', passed, version, 'EX', kept)
        local last = redis.call('XREVRANGE', stream, '+', '-', 'COUNT', 1)[1]
        local new = next_id(stream, random)
        local added = redis.call('XADD', stream, 'MAXLEN', '~', length, new, 'update', text)
        redis.call('EXPIRE', stream, kept)
        local hint = user
        if last and #text <= tonumber(hinted) then
            hint = hint .. ' ' .. last[1] .. ' ' .. added .. ' ' .. text
        end
        redis.call('PUBLISH', hints, hint)
        done[n] = 1
    end
end
return done
"""
# The id of the last entry. An empty stream gets an entry without an update, so that there is an id.
_NEWEST = f"""{_NEXT_ID}
local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)
if last[1] then return last[1][1] end
local made = redis.call('XADD', KEYS[1], next_id(KEYS[1], ARGV[2]), 'begin', '')
redis.call('EXPIRE', KEYS[1], ARGV[1])
return made
"""
pause = Pause()


class StateStoreUnavailable(RuntimeError):  # noqa: N818 - like the others that become a 503
    """The state store does not respond."""


class NewUpdate(NamedTuple):
    """An update of a task, for the stream of its user."""

    user_id: str
    task_id: int
    version: int
    text: str


class Update(NamedTuple):
    """An entry of a stream."""

    entry_id: str
    text: str


class Hint(NamedTuple):
    """The user's stream has a new entry. A short one is included, with the id of the entry before it."""

    user_id: str
    before: str = ""
    update: Update | None = None


def add(updates: Sequence[NewUpdate]) -> list[bool]:
    """Add updates to their users' streams, in one round trip; which of them were added.

    Not those of a version of the task that was added before, or of an earlier one.
    Raises StateStoreUnavailable, without waiting for PAUSE_SECONDS after a call timed out.
    """
    redis_keys: list[str] = []
    values: list[str | int] = [_kept_seconds(), LENGTH, _random(), keys.TASK_UPDATE_HINTS, HINTED_BYTES]
    for user_id, task_id, version, text in updates:
        redis_keys += [keys.task_updates(user_id), keys.task_update_passed(task_id)]
        values += [user_id, version, text]
    with _unless_paused(pause):
        added = _add(settings.REDIS_URL)(keys=redis_keys, args=values)
    return [bool(one) for one in added]


class UpdateReader:
    """Reads streams for an event loop, with one connection for reads and one for hints.

    Every method raises StateStoreUnavailable.
    """

    def __init__(self) -> None:
        self._store = async_store()
        self._newest: AsyncScript = self._store.register_script(_NEWEST)
        self._pause, self._turn = Pause(READER_PAUSE_SECONDS), asyncio.Lock()

    async def newest(self, user_id: str) -> str:
        """The id of the last entry of the user's stream."""
        async with self._connection():
            entry_id: str = await self._newest(
                keys=[keys.task_updates(user_id)], args=[_kept_seconds(), _random()]
            )
        return entry_id

    async def after(self, user_id: str, entry_id: str) -> list[Update] | None:
        """The entries after this one, or None if it no longer exists."""
        if not _ENTRY_ID.fullmatch(entry_id):
            return None
        updates: list[Update] = []
        while True:
            async with self._connection():
                entries: Any = await self._store.xrange(keys.task_updates(user_id), min=entry_id, count=_PAGE)
            if not entries or entries[0][0] != entry_id:
                return None
            updates += [Update(found, fields[_FIELD]) for found, fields in entries[1:]]
            if len(entries) < _PAGE:
                return updates
            entry_id = entries[-1][0]

    async def hints(self) -> AsyncIterator[Hint | None]:
        """Yield None at the start and whenever hints may have been missed, then each hint."""
        with _store_errors():
            async with self._store.pubsub() as pubsub:
                await pubsub.subscribe(keys.TASK_UPDATE_HINTS)
                async for message in _never_silent(pubsub):
                    if message["type"] == "message":
                        yield _parse_hint(message["data"])
                    elif message["type"] == "subscribe":  # also after the client has reconnected
                        yield None

    async def close(self) -> None:
        await self._store.aclose()

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[None]:
        # All streams share one connection: after one call timed out, those behind it do not wait as well.
        async with self._turn:
            with _unless_paused(self._pause):
                yield


def use_ticket(ticket_id: str, *, ttl: timedelta) -> bool:
    """Whether this is the first use of the ticket. Raises StateStoreUnavailable."""
    with _store_errors():
        return bool(quick_store().set(keys.stream_ticket(ticket_id), "used", px=ttl, nx=True))


def is_after(entry_id: str, other: str) -> bool:
    return _numbers(entry_id) > _numbers(other)


def _numbers(entry_id: str) -> list[int]:
    return [int(number) for number in entry_id.split("-")]


def _parse_hint(message: str) -> Hint:
    user_id, *rest = message.split(" ", 3)
    if not rest:
        return Hint(user_id)
    before, entry_id, text = rest
    return Hint(user_id, before, Update(entry_id, text))


def _kept_seconds() -> int:
    return int(KEPT.total_seconds())


def _random() -> int:
    return randbelow(10**9)


@lru_cache(maxsize=1)
def _add(_url: str) -> Script:
    return quick_store().register_script(_ADD)


async def _never_silent(pubsub: PubSub) -> AsyncIterator[dict[str, Any]]:
    """Yield its messages. Raises ConnectionError if none comes, not even the reply to a PING."""
    pinged = False
    while True:
        message = await pubsub.get_message(timeout=SILENCE_SECONDS)
        if message is not None:
            yield message
        elif pinged:
            raise ConnectionError("The state store did not reply to a PING.")
        else:
            await pubsub.ping()
        pinged = message is None


@contextmanager
def _unless_paused(pause: Pause) -> Iterator[None]:
    """Raises StateStoreUnavailable, during a pause without a call."""
    if not pause.may_ask():
        raise StateStoreUnavailable("The state store did not respond a moment ago.")
    try:
        with _store_errors():
            yield
    except StateStoreUnavailable as error:
        if isinstance(error.__cause__, TimeoutError):  # a refused connection makes no one wait
            log.warning("state_store_silent", error=str(error))
            pause.begin()
        raise
    pause.end()


@contextmanager
def _store_errors() -> Iterator[None]:
    try:
        yield
    except (RedisError, OSError) as error:
        raise StateStoreUnavailable(str(error)) from error
