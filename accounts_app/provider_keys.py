"""The public keys of the outside identity provider, from its JWKS endpoint (RFC 7517).

PyJWKClient fetches and reads them. What is kept, and how often it is asked, is decided here: the client's own
cache asks again for each request while the endpoint is away, one request after the other, and forgets keys
that are five minutes old although nothing newer is to be had.
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
FRESH_SECONDS = 300.0  # how long a key that was taken back goes on being good
# While the endpoint is away, known keys are good for this long: nobody is signed out by an outage.
USABLE_SECONDS = 86_400.0
PAUSE_SECONDS = 10.0  # between two fetches, whatever the requests ask for


class ProviderAway(Unavailable):
    """503: the token may be good, but the provider's keys cannot be had now."""

    default_code = "identity_provider_away"
    default_detail = "The identity provider does not answer, so its tokens cannot be checked now: try again."
    wait = int(PAUSE_SECONDS)


class ProviderKeys:
    """The keys by id. Safe for threads; one of them fetches, at most once in PAUSE_SECONDS."""

    def __init__(self, url: str) -> None:
        self._client = PyJWKClient(url, cache_jwk_set=False, timeout=TIMEOUT_SECONDS)
        self._lock = Lock()
        self._keys: dict[str | None, PyJWK] = {}
        self._fetched_at = self._next_fetch_at = float("-inf")
        self._is_away = False

    def key(self, key_id: str | None) -> PyJWK | None:
        """The key, or None when the provider has none of this id. Raises ProviderAway (503)."""
        is_fresh = time.monotonic() - self._fetched_at < FRESH_SECONDS
        is_known = key_id in self._keys
        # Who has a key in hand need not wait until somebody else has fetched the next.
        if not (is_fresh and is_known) and self._lock.acquire(blocking=not is_known):
            try:
                self._fetch()
            finally:
                self._lock.release()
        is_usable = time.monotonic() - self._fetched_at < USABLE_SECONDS
        key = self._keys.get(key_id) if is_usable else None
        if key is None and self._is_away:
            raise ProviderAway
        return key

    def _fetch(self) -> None:
        if time.monotonic() < self._next_fetch_at:
            return
        try:
            self._keys = {key.key_id: key for key in self._client.get_signing_keys()}
        # OSError and ValueError: a connection that breaks, and no JSON, while the answer is read.
        except (PyJWTError, PyJWKError, OSError, ValueError, HTTPException) as error:
            log.warning("identity_provider_away", error=str(error))
            self._is_away = True
        else:
            self._is_away, self._fetched_at = False, time.monotonic()
        self._next_fetch_at = time.monotonic() + PAUSE_SECONDS


@lru_cache(maxsize=1)
def provider_keys(url: str) -> ProviderKeys:
    """This process's keys of the endpoint."""
    return ProviderKeys(url)
