"""What a store of values is, in Redis or behind a Dapr sidecar."""

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import NamedTuple, Protocol


class StoreAway(Exception):  # noqa: N818 - like StateStoreUnavailable
    """The store, or the sidecar before it, does not answer, or refuses."""


class Value(NamedTuple):
    """A value; `etag` changes when it does. Empty: a sidecar cannot say, and writes it unconditionally."""

    text: str
    etag: str


class ValueStore(Protocol):
    """A store of values. Each method raises StoreAway."""

    def get(self, key: str) -> Value | None:
        """The value, None if there is none."""
        ...

    def put(self, values: Mapping[str, str], *, ttl: timedelta) -> None:
        """Store the values for `ttl`."""
        ...

    def replace(self, key: str, text: str, *, etag: str, ttl: timedelta) -> bool:
        """Store the value if the one that is there has this etag; whether it did."""
        ...

    def delete(self, key: str, *, etag: str | None) -> bool:
        """Delete the value, with an etag only if it has that; whether it is gone."""
        ...


def text_of_data(data: str) -> str:
    """The text of a hash's data, which a sidecar keeps as JSON: of an object or a list its JSON."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return data
    return value if isinstance(value, str) else data
