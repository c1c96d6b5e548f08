"""Values that are kept for some time: in Redis, or there through a Dapr sidecar (DAPR has `state`).

Without the store the work goes on: what is read is None, and what is written is lost. A sidecar keeps a value
as a hash of data and version; a value in Redis is a string. Both read both, so that it can be switched on and
off while processes of either kind run.
"""

from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import lru_cache
from typing import TypeVar

import structlog
from django.conf import settings

from state_store.client import quick_store, store
from state_store.redis_values import RedisValues
from state_store.sidecar import SidecarValues
from state_store.value_store import StoreAway, Value, ValueStore

log = structlog.get_logger(__name__)

Result = TypeVar("Result")


def get(key: str) -> Value | None:
    """The value, None if there is none or the store does not answer."""
    return _ask(lambda store: store.get(key), otherwise=None)


def put_many(values: Mapping[str, str], *, ttl: timedelta) -> bool:
    """Store the values for `ttl`, in one round trip; False if the store does not answer."""

    def put(store: ValueStore) -> bool:
        store.put(values, ttl=ttl)
        return True

    return _ask(put, otherwise=False)


def replace(key: str, text: str, *, etag: str, ttl: timedelta) -> bool:
    """Store the value if the one that is there still has the `etag` that `get` returned; whether it did."""
    return _ask(lambda store: store.replace(key, text, etag=etag, ttl=ttl), otherwise=False)


def delete(key: str, *, etag: str | None = None) -> bool:
    """Delete the value, with an `etag` only if it still has that; False if not, or without an answer."""
    return _ask(lambda store: store.delete(key, etag=etag), otherwise=False)


def value_store(*, quick: bool = False) -> ValueStore:
    """The store that settings name, for those who handle StoreAway; `quick` if the call holds up others."""
    if "state" in settings.DAPR:
        return _sidecar(settings.DAPR_HTTP_PORT)
    return RedisValues(quick_store if quick else store)


def _ask(call: Callable[[ValueStore], Result], *, otherwise: Result) -> Result:
    try:
        return call(value_store())
    except StoreAway as error:
        log.warning("state_store_away", error=str(error))
        return otherwise


@lru_cache(maxsize=4)
def _sidecar(port: int) -> ValueStore:
    return SidecarValues(port)
