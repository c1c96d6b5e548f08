"""The connection to Redis or Valkey. Every call fails open: without the store, the work goes on."""

from collections.abc import Callable
from datetime import timedelta
from functools import lru_cache

import structlog
from django.conf import settings
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

log = structlog.get_logger(__name__)


def put(key: str, value: str, *, ttl: timedelta) -> bool:
    """Keep the value under the key for `ttl`; False when the store is away."""
    return _done(lambda store: store.set(key, value, px=ttl))


def is_there() -> bool:
    """Whether the store answers."""
    return _done(lambda store: store.ping())


def _done(call: Callable[[Redis], object]) -> bool:
    try:
        call(_client(settings.REDIS_URL))
    except RedisError as error:
        log.warning("state_store_away", error=str(error))
        return False
    return True


@lru_cache(maxsize=1)
def _client(url: str) -> Redis:
    # No retries: they would multiply the time somebody waits for a store that is away.
    return Redis.from_url(
        url,
        socket_timeout=settings.REDIS_TIMEOUT_SECONDS,
        socket_connect_timeout=settings.REDIS_TIMEOUT_SECONDS,
        retry=Retry(NoBackoff(), 0),
    )
