"""Django's cache framework on the state store, so that http_app can count without knowing Redis."""

from functools import cached_property
from typing import Any

from django.core.cache.backends.redis import RedisCache
from redis.backoff import NoBackoff
from redis.commands.core import Script
from redis.exceptions import RedisError
from redis.retry import Retry

from state_store.pause import Pause

# One round trip, and the counter always has an expiry.
_COUNT = "local n = redis.call('INCRBY', KEYS[1], ARGV[2]) redis.call('EXPIRE', KEYS[1], ARGV[1]) return n"
_CLAIM = """
    if redis.call('SET', KEYS[1], 1, 'NX', 'EX', ARGV[1]) then return 0 end
    return math.max(1, redis.call('TTL', KEYS[1]))
"""


class CountingCache(RedisCache):
    """Redis or Valkey, with a counter that is atomic and fails open.

    The framework's `add` and `incr` take three round trips, and a key that expires between two of them
    returns without an expiry.
    """

    # Shared by all threads; Django creates an instance for each.
    pause = Pause()

    def __init__(self, server: str | list[str], params: dict[str, Any]) -> None:
        # No retries: they would multiply the time a request waits for an unavailable store.
        options = {"retry": Retry(NoBackoff(), 0)} | params.get("OPTIONS", {})
        super().__init__(server, params | {"OPTIONS": options})

    def count(self, key: str, *, seconds: int, by: int = 1) -> int | None:
        """Add to the counter, which then expires after `seconds`; None if the store is unavailable."""
        keys = [self.make_and_validate_key(key)]
        return self.pause.ask(lambda: int(self._count(keys=keys, args=[seconds, by])), RedisError)

    def claim(self, key: str, *, seconds: int) -> int:
        """Claim the key for `seconds`: 0, or the seconds until it is free. 0 if the store is unavailable."""
        keys = [self.make_and_validate_key(key)]
        left = self.pause.ask(lambda: int(self._claim(keys=keys, args=[seconds])), RedisError)
        return max(left or 0, 0)

    @cached_property
    def _count(self) -> Script:
        return self._cache.get_client(write=True).register_script(_COUNT)

    @cached_property
    def _claim(self) -> Script:
        return self._cache.get_client(write=True).register_script(_CLAIM)
