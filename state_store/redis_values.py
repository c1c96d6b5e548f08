"""Values in Redis or Valkey: strings that expire, and the hashes that a Dapr sidecar makes of values."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from state_store.client import store
from state_store.value_store import StoreAway, Value, text_of_data

# What is there: its kind, text and etag.
_FOUND = """
local function found(key)
    local kind = redis.call('TYPE', key)['ok']
    if kind == 'string' then
        local text = redis.call('GET', key)
        return {kind, text, redis.sha1hex(text)}
    elseif kind == 'hash' then
        local parts = redis.call('HMGET', key, 'data', 'version')
        return {kind, parts[1], parts[2]}
    end
    return {kind}
end
"""
_GET = f"{_FOUND} return found(KEYS[1])"
_REPLACE = f"""{_FOUND}
if found(KEYS[1])[3] ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1
"""
_DELETE = f"""{_FOUND}
if found(KEYS[1])[3] ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
"""


class RedisValues:
    """Each call is one round trip, on the client that `connect` returns."""

    def __init__(self, connect: Callable[[], Redis] = store) -> None:
        self._connect = connect

    def get(self, key: str) -> Value | None:
        kind, *parts = _answer(lambda: self._connect().eval(_GET, 1, key))
        if len(parts) < 2 or None in parts:  # nothing, or nothing of ours
            return None
        try:
            text, etag = (part.decode() for part in parts)
        except UnicodeDecodeError:
            return None
        return Value(text_of_data(text) if kind == b"hash" else text, etag)

    def put(self, values: Mapping[str, str], *, ttl: timedelta) -> None:
        def put_all() -> None:
            with self._connect().pipeline(transaction=False) as pipeline:
                for key, text in values.items():
                    pipeline.set(key, text, px=ttl)
                pipeline.execute()

        _answer(put_all)

    def replace(self, key: str, text: str, *, etag: str, ttl: timedelta) -> bool:
        milliseconds = str(int(ttl.total_seconds() * 1000))
        return bool(_answer(lambda: self._connect().eval(_REPLACE, 1, key, etag, text, milliseconds)))

    def delete(self, key: str, *, etag: str | None) -> bool:
        if etag is None:
            _answer(lambda: self._connect().delete(key))
            return True
        return bool(_answer(lambda: self._connect().eval(_DELETE, 1, key, etag)))


def _answer(call: Callable[[], Any]) -> Any:
    try:
        return call()
    except RedisError as error:
        raise StoreAway(str(error)) from error
