"""Values through a Dapr sidecar, in the component that DAPR_STATE_STORE names.

Source: Dapr 1.18, state API reference and its Redis component.
"""

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import quote

from django.conf import settings
from urllib3 import BaseHTTPResponse, HTTPConnectionPool, Retry, Timeout
from urllib3.exceptions import HTTPError

from state_store.value_store import StoreAway, Value, text_of_data

# The only part of a key that a sidecar refuses: it separates the prefix that we do without.
REFUSED = "||"


class SidecarValues:
    """Speaks HTTP with the sidecar of this process, at its port."""

    def __init__(self, port: int) -> None:
        self._pool = HTTPConnectionPool(
            "127.0.0.1",
            port,
            maxsize=8,
            timeout=Timeout(settings.REDIS_TIMEOUT_SECONDS),
            retries=Retry(0, redirect=False),
        )

    def get(self, key: str) -> Value | None:
        answer = self._call("GET", _checked(key), expected={200, 204})
        if answer.status == 204:
            return None
        text, etag = answer.data.decode(errors="replace"), answer.headers.get("ETag", "")
        # Without an etag it is a string that was written to Redis directly.
        return Value(text_of_data(text) if etag else text, etag)

    def put(self, values: Mapping[str, str], *, ttl: timedelta) -> None:
        self._save([_item(key, text, ttl) for key, text in values.items()], expected={204})

    def replace(self, key: str, text: str, *, etag: str, ttl: timedelta) -> bool:
        options = {"concurrency": "first-write"}
        item = _item(key, text, ttl) | ({"etag": etag, "options": options} if etag else {})
        return self._save([item], expected={204, 409}).status == 204

    def delete(self, key: str, *, etag: str | None) -> bool:
        headers = {"If-Match": etag} if etag else {}
        return self._call("DELETE", _checked(key), headers=headers, expected={204, 409}).status == 204

    def _save(self, items: list[dict[str, Any]], *, expected: set[int]) -> BaseHTTPResponse:
        headers = {"Content-Type": "application/json"}
        return self._call("POST", "", body=json.dumps(items).encode(), headers=headers, expected=expected)

    def _call(
        self,
        method: str,
        path: str,
        *,
        expected: set[int],
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> BaseHTTPResponse:
        token = {"dapr-api-token": settings.DAPR_API_TOKEN} if settings.DAPR_API_TOKEN else {}
        url = f"/v1.0/state/{settings.DAPR_STATE_STORE}{path}"
        try:
            answer = self._pool.request(method, url, body=body, headers={**(headers or {}), **token})
        except HTTPError as error:
            raise StoreAway(f"The sidecar does not answer: {error}") from error
        if answer.status not in expected:
            raise StoreAway(f"The sidecar answered {answer.status}: {answer.data[:200]!r}")
        return answer


def _item(key: str, text: str, ttl: timedelta) -> dict[str, Any]:
    # `ttl` is a name that the component ignores. A second is the shortest; 0 would mean forever.
    seconds = max(1, round(ttl.total_seconds()))
    _checked(key)
    return {"key": key, "value": text, "metadata": {"ttlInSeconds": str(seconds)}}


def _checked(key: str) -> str:
    """The key's path. Raises ValueError for one that the sidecar refuses."""
    if REFUSED in key:
        raise ValueError(f"A key must not have {REFUSED} in it: {key!r}")
    return f"/{quote(key, safe=':')}"
