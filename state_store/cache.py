"""Django's cache framework on the state store: the seam for those who must not know Redis (http_app)."""

from functools import cached_property
from typing import Any

import structlog
from django.core.cache.backends.redis import RedisCache
from redis.backoff import NoBackoff
from redis.commands.core import Script
from redis.exceptions import RedisError
from redis.retry import Retry

from state_store.pause import Pause

log = structlog.get_logger(__name__)

# One round trip, and no counter is left without an end.
_COUNT = "local n = redis.call('INCR', KEYS[1]) redis.call('EXPIRE', KEYS[1], ARGV[1]) return n"


class CountingCache(RedisCache):
    """Redis or Valkey, with a counter that is atomic and fails open.

    Not `add` and `incr` of the framework: three round trips, and a key that ends between two of them comes
    back without an end.
    """

    # Django has an instance for each thread; the store is away for all of them.
    _pause = Pause()

    def __init__(self, server: str | list[str], params: dict[str, Any]) -> None:
        # No retries: they would multiply the time somebody waits for a store that is away.
        options = {"retry": Retry(NoBackoff(), 0)} | params.get("OPTIONS", {})
        super().__init__(server, params | {"OPTIONS": options})

    def count(self, key: str, *, seconds: int) -> int | None:
        """One more under this key, which is kept for `seconds` more; None when the store is away."""
        if not self._pause.may_ask():
            return None
        try:
            counted: int = self._count(keys=[self.make_and_validate_key(key)], args=[seconds])
        except RedisError as error:
            self._pause.begin()
            log.warning("state_store_away", error=str(error))
            return None
        self._pause.end()
        return counted

    @cached_property
    def _count(self) -> Script:
        return self._cache.get_client(write=True).register_script(_COUNT)
