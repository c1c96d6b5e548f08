"""Each user's last task updates: a stream in Redis, and a hint to who listens.

An entry's id is the place of whoever has read so far, and whoever goes on from there has to find that very
entry. Where it is not there any more (the stream was trimmed, has ended, was flushed, is another server's),
nobody knows what came after it, and the reader begins anew. Redis makes the ids of its clock, so that a
stream that is made anew does not use them again.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
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

# So many updates, and so long after the last one, a reader can go on from where it was.
LENGTH = 1_000
KEPT = timedelta(days=1)
# A connection that is silent for so long is asked whether it is there, then given up.
SILENCE_SECONDS = 5.0

# Between two questions of an event loop to a store that is silent: so much later its streams go on.
READER_PAUSE_SECONDS = 1.0

# Of a stream that cannot be gone on with, no more than this is read to find that out.
_PAGE = 100

# A longer update is read by who has its user's streams: a hint goes to every process that has any.
HINTED_BYTES = 4_000

_FIELD = "update"
_PLACE = re.compile(r"[0-9]{1,15}-[0-9]{1,10}")
# A stream that is made anew begins at an id that none before it can have had, be it in the same millisecond.
_ID = """
local function next_id(stream, random)
    if redis.call('EXISTS', stream) == 1 then return '*' end
    local now = redis.call('TIME')
    return now[1] .. string.format('%03d', math.floor(now[2] / 1000)) .. '-' .. random
end
"""
# A version that was passed is no news: an event may come again, and topics may be replayed.
_ADD = f"""{_ID}
if tonumber(redis.call('GET', KEYS[2]) or -1) >= tonumber(ARGV[1]) then return 0 end
redis.call('SET', KEYS[2], ARGV[1], 'EX', ARGV[2])
local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
local new = next_id(KEYS[1], ARGV[4])
local place = redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[3], new, 'update', ARGV[5])
redis.call('EXPIRE', KEYS[1], ARGV[2])
local hint = ARGV[7]
if last and #ARGV[5] <= tonumber(ARGV[8]) then
    hint = hint .. ' ' .. last[1] .. ' ' .. place .. ' ' .. ARGV[5]
end
redis.call('PUBLISH', ARGV[6], hint)
return 1
"""
# The last entry; in a stream that is not there one without an update, so that there is a place to go on from.
_NEWEST = f"""{_ID}
local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)
if last[1] then return last[1][1] end
local made = redis.call('XADD', KEYS[1], next_id(KEYS[1], ARGV[2]), 'begin', '')
redis.call('EXPIRE', KEYS[1], ARGV[1])
return made
"""
_pause = Pause()


class StateStoreAway(RuntimeError):  # noqa: N818 - what it is
    """The state store does not answer."""


class Update(NamedTuple):
    """An entry of a stream: its place, and what was added."""

    place: str
    text: str


class Hint(NamedTuple):
    """That the user's stream has news: the update itself, and the place it follows on, when it is short."""

    user_id: str
    before: str = ""
    update: Update | None = None


def add(*, user_id: str, task_id: int, version: int, text: str) -> bool:
    """Add an update to its user's stream; False when this version of the task was passed already.

    Raises StateStoreAway; without waiting for PAUSE_SECONDS after a call timed out.
    """
    redis_keys = [keys.task_updates(user_id), keys.task_update_passed(task_id)]
    values: list[str | int] = [
        version,
        _kept_seconds(),
        LENGTH,
        _random(),
        text,
        keys.TASK_UPDATE_HINTS,
        user_id,
        HINTED_BYTES,
    ]
    with _asking(_pause):
        added = _add(settings.REDIS_URL)(keys=redis_keys, args=values)
    return bool(added)


class UpdateReader:
    """Reads streams, for an event loop: one connection for them, and one for the hints.

    Every method raises StateStoreAway while the store is away.
    """

    def __init__(self) -> None:
        self._store = async_store()
        self._newest: AsyncScript = self._store.register_script(_NEWEST)
        self._pause, self._turn = Pause(READER_PAUSE_SECONDS), asyncio.Lock()

    async def newest(self, user_id: str) -> str:
        """Where the user's stream ends now."""
        async with self._asked():
            place: str = await self._newest(
                keys=[keys.task_updates(user_id)], args=[_kept_seconds(), _random()]
            )
        return place

    async def after(self, user_id: str, place: str) -> list[Update] | None:
        """What came after this place; None when that cannot be known."""
        if not _PLACE.fullmatch(place):
            return None
        updates: list[Update] = []
        while True:
            async with self._asked():
                entries: Any = await self._store.xrange(keys.task_updates(user_id), min=place, count=_PAGE)
            if not entries or entries[0][0] != place:
                return None
            updates += [Update(found, fields[_FIELD]) for found, fields in entries[1:]]
            if len(entries) < _PAGE:
                return updates
            place = entries[-1][0]

    async def hints(self) -> AsyncIterator[Hint | None]:
        """Which streams have news; None first, and whenever some may have been missed."""
        with _store_errors():
            async with self._store.pubsub() as pubsub:
                await pubsub.subscribe(keys.TASK_UPDATE_HINTS)
                async for message in _never_silent(pubsub):
                    if message["type"] == "message":
                        yield _hint_of(message["data"])
                    elif message["type"] == "subscribe":  # also when the client has connected again by itself
                        yield None

    async def close(self) -> None:
        await self._store.aclose()

    @asynccontextmanager
    async def _asked(self) -> AsyncIterator[None]:
        # All wait for one connection: behind one that was not answered nobody waits for as long again.
        async with self._turn:
            with _asking(self._pause):
                yield


def use_ticket(ticket_id: str, *, ttl: timedelta) -> bool:
    """Whether this is the first use of the ticket. Raises StateStoreAway."""
    with _store_errors():
        return bool(quick_store().set(keys.stream_ticket(ticket_id), "used", px=ttl, nx=True))


def _hint_of(message: str) -> Hint:
    user_id, *rest = message.split(" ", 3)
    if not rest:
        return Hint(user_id)
    before, place, text = rest
    return Hint(user_id, before, Update(place, text))


def _kept_seconds() -> int:
    return int(KEPT.total_seconds())


def _random() -> int:
    return randbelow(10**9)


@lru_cache(maxsize=1)
def _add(_url: str) -> Script:
    return quick_store().register_script(_ADD)


async def _never_silent(pubsub: PubSub) -> AsyncIterator[dict[str, Any]]:
    """Its messages. Raises ConnectionError when nothing comes, not even the answer to a PING."""
    asked = False
    while True:
        message = await pubsub.get_message(timeout=SILENCE_SECONDS)
        if message is not None:
            yield message
        elif asked:
            raise ConnectionError("The state store has fallen silent.")
        else:
            await pubsub.ping()
        asked = message is None


@contextmanager
def _asking(pause: Pause) -> Iterator[None]:
    """Raises StateStoreAway, also without asking."""
    if not pause.may_ask():
        raise StateStoreAway("The state store did not answer a moment ago.")
    try:
        with _store_errors():
            yield
    except StateStoreAway as error:
        if isinstance(error.__cause__, TimeoutError):  # one that refuses keeps nobody waiting
            log.warning("state_store_silent", error=str(error))
            pause.begin()
        raise
    pause.end()


@contextmanager
def _store_errors() -> Iterator[None]:
    try:
        yield
    except (RedisError, OSError) as error:
        raise StateStoreAway(str(error)) from error


def is_after(place: str, other: str) -> bool:
    """Whether the first place comes after the second."""
    return _numbers(place) > _numbers(other)


def _numbers(place: str) -> list[int]:
    return [int(number) for number in place.split("-")]
