"""The public keys of the outside identity provider, from its JWKS endpoint (RFC 7517).

PyJWKClient fetches and parses them; its own cache is not used. While the endpoint is down that cache fetches
again for each request, one after the other, and drops keys after five minutes even without newer ones.
Source: docs/decisions/0012-outside-identities.md.
"""

import time
from functools import lru_cache
from http.client import HTTPException
from threading import Lock

import structlog
from jwt import PyJWK, PyJWKClient, PyJWKError, PyJWTError

from http_app.errors import Unavailable

log = structlog.get_logger(__name__)

TIMEOUT_SECONDS = 3.0
FRESH_SECONDS = 300.0  # a revoked key stays valid for at most this long
# While the endpoint is down, known keys stay valid for this long, so that an outage signs no one out.
USABLE_SECONDS = 86_400.0
PAUSE_SECONDS = 10.0  # between two fetches, however many unknown key ids arrive


class ProviderUnavailable(Unavailable):
    """503: the token may be valid, but the provider's keys cannot be fetched now."""

    default_code = "identity_provider_away"
    default_detail = "The identity provider does not respond, so its tokens cannot be verified. Try again."
    wait = int(PAUSE_SECONDS)


class ProviderKeys:
    """The keys by id. Thread-safe: one thread fetches, at most once in PAUSE_SECONDS."""

    def __init__(self, url: str) -> None:
        self._client = PyJWKClient(url, cache_jwk_set=False, timeout=TIMEOUT_SECONDS)
        self._lock = Lock()
        self._keys: dict[str | None, PyJWK] = {}
        self._fetched_at = self._next_fetch_at = float("-inf")
        self._is_unavailable = False

    def key(self, key_id: str | None) -> PyJWK | None:
        """The key, or None if the provider has none with this id. Raises ProviderUnavailable (503)."""
        is_fresh = time.monotonic() - self._fetched_at < FRESH_SECONDS
        is_known = key_id in self._keys
        # A request with a known key does not wait while another thread fetches.
        if not (is_fresh and is_known) and self._lock.acquire(blocking=not is_known):
            try:
                self._fetch()
            finally:
                self._lock.release()
        is_usable = time.monotonic() - self._fetched_at < USABLE_SECONDS
        key = self._keys.get(key_id) if is_usable else None
        if key is None and self._is_unavailable:
            raise ProviderUnavailable
        return key

    def _fetch(self) -> None:
        if time.monotonic() < self._next_fetch_at:
            return
        try:
            self._keys = {key.key_id: key for key in self._client.get_signing_keys()}
        # OSError: the connection broke while reading. ValueError: the response is not JSON.
        except (PyJWTError, PyJWKError, OSError, ValueError, HTTPException) as error:
            log.warning("identity_provider_away", error=str(error))
            self._is_unavailable = True
        else:
            self._is_unavailable, self._fetched_at = False, time.monotonic()
        self._next_fetch_at = time.monotonic() + PAUSE_SECONDS


@lru_cache(maxsize=1)
def provider_keys(url: str) -> ProviderKeys:
    """The keys of the endpoint, cached for this process."""
    return ProviderKeys(url)
