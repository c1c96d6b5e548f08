"""The connection to Redis or Valkey. What is called on `store()` raises RedisError."""

from functools import lru_cache
from typing import Any

import redis.asyncio
import structlog
from django.conf import settings
from redis import ConnectionPool, Redis
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.driver_info import DriverInfo
from redis.exceptions import RedisError
from redis.retry import Retry

log = structlog.get_logger(__name__)

# What a connection names as its client. Without it each reads the version from files: 2 ms and 1 MB.
_DRIVER = DriverInfo(lib_version=redis.__version__)


def is_there() -> bool:
    """Whether the store responds."""
    try:
        store().ping()
    except RedisError as error:
        log.warning("state_store_away", error=str(error))
        return False
    return True


def store() -> Redis:
    """The store for blocking calls."""
    return _client(settings.REDIS_URL, settings.REDIS_TIMEOUT_SECONDS)


def quick_store() -> Redis:
    """The same with a quarter of the timeout, for calls that hold up other work."""
    return _client(settings.REDIS_URL, settings.REDIS_TIMEOUT_SECONDS / 4)


def send_without_reply(*command: str) -> None:
    """Send a command and do not wait for it, in a quarter of the time of a call. Raises RedisError.

    What it does not notice: that the store loses the command, or does not read any more.
    """
    pool = _silent_connections(settings.REDIS_URL, settings.REDIS_TIMEOUT_SECONDS / 4)
    connection: Any = pool.get_connection()
    try:
        connection.send_command(*command)
    finally:
        pool.release(connection)


def async_store() -> "redis.asyncio.Redis":
    """The store for an event loop, on one connection that the caller closes. A `pubsub()` has its own."""
    return redis.asyncio.Redis.from_url(
        settings.REDIS_URL,
        single_connection_client=True,
        retry=AsyncRetry(NoBackoff(), 0),
        decode_responses=True,
        protocol=2,  # with version 3, its pubsub does not recognise the reply to PING
        **_options(settings.REDIS_TIMEOUT_SECONDS),
    )


@lru_cache(maxsize=4)
def _client(url: str, timeout: float) -> Redis:
    # No retries: they would multiply the time a caller waits for an unavailable store.
    return Redis.from_url(url, retry=Retry(NoBackoff(), 0), **_options(timeout))


@lru_cache(maxsize=4)
def _silent_connections(url: str, timeout: float) -> ConnectionPool:
    return ConnectionPool.from_url(
        url, retry=Retry(NoBackoff(), 0), redis_connect_func=_silence, **_options(timeout)
    )


def _silence(connection: Any) -> None:
    """Have the store send no more replies once the connection is set up."""
    connection.on_connect()
    connection.send_command("CLIENT", "REPLY", "OFF")


def _options(seconds: float) -> dict[str, Any]:
    return {"socket_timeout": seconds, "socket_connect_timeout": seconds, "driver_info": _DRIVER}
