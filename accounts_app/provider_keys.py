"""The public keys of the outside identity provider, from its JWKS endpoint (RFC 7517).

A thread of its own fetches them, with a deadline for the whole answer and a limit of its size. So a slow
endpoint holds up few requests, and those for a moment. PyJWKClient parses the answer; its own cache is not
used. While the endpoint is down that cache fetches again for each request, and drops keys after five minutes
even without newer ones.
Source: docs/decisions/0012-outside-identities.md.
"""

import json
import time
from http.client import HTTPException
from threading import BoundedSemaphore, Event, Lock, Thread
from typing import Any

import structlog
from jwt import PyJWK, PyJWKClient, PyJWKError, PyJWTError

from accounts_app.bounded_fetch import fetch
from http_app.built_once import built_once
from http_app.errors import Unavailable

log = structlog.get_logger(__name__)

TIMEOUT_SECONDS = 3.0  # for the whole answer
MAX_BYTES = 512 * 1024  # twenty times the longest known set, which has certificates in it
FRESH_SECONDS = 300.0  # a revoked key stays valid for at most this long
# While the endpoint is down, known keys stay valid for this long, so that an outage signs no one out.
USABLE_SECONDS = 86_400.0
PAUSE_SECONDS = 10.0  # between two fetches, however many unknown key ids arrive
# Requests that wait for a fetch; the others of the worker's threads go on working.
WAITING_REQUESTS = 2
WAIT_SECONDS = 1.0


class ProviderUnavailable(Unavailable):
    """503: the token may be valid, but the provider's keys cannot be fetched now."""

    default_code = "identity_provider_away"
    default_detail = "The identity provider does not respond, so its tokens cannot be verified. Try again."
    wait = int(PAUSE_SECONDS)


class KeysAreFetched(ProviderUnavailable):
    """503: the keys are being fetched."""

    wait = 1


class ProviderKeys:
    """The keys by id. Thread-safe: one thread fetches, at most once in PAUSE_SECONDS."""

    def __init__(self, url: str) -> None:
        self._client = _Client(url, cache_jwk_set=False)
        self._lock = Lock()
        self._waiting = BoundedSemaphore(WAITING_REQUESTS)
        self._keys: dict[str | None, PyJWK] = {}
        self._fetched_at = self._next_fetch_at = float("-inf")
        self._is_unavailable = False
        self._fetched: Event | None = None  # of the fetch that is running

    def key(self, key_id: str | None) -> PyJWK | None:
        """The key, or None if the provider has none with this id. Raises ProviderUnavailable (503)."""
        is_fresh = time.monotonic() - self._fetched_at < FRESH_SECONDS
        is_known = key_id in self._keys
        if not (is_fresh and is_known):
            started, running = self._start_fetch()
            # With a known key only the request that starts a fetch waits, so that a revoked key ends in time.
            if running and (started or not is_known):
                self._wait(running)
        is_usable = time.monotonic() - self._fetched_at < USABLE_SECONDS
        key = self._keys.get(key_id) if is_usable else None
        if key is None and self._fetched is not None:
            raise KeysAreFetched
        if key is None and self._is_unavailable:
            raise ProviderUnavailable
        return key

    def _start_fetch(self) -> tuple[bool, Event | None]:
        """Whether this call has started a fetch, and the end of the one that is running."""
        with self._lock:
            if self._fetched is not None or time.monotonic() < self._next_fetch_at:
                return False, self._fetched
            fetched = Event()
            Thread(target=self._fetch, args=[fetched], name="provider-keys", daemon=True).start()
            self._fetched = fetched
        return True, fetched

    def _wait(self, fetched: Event) -> None:
        if self._waiting.acquire(blocking=False):
            try:
                fetched.wait(WAIT_SECONDS)
            finally:
                self._waiting.release()

    def _fetch(self, fetched: Event) -> None:
        try:
            self._keys = {key.key_id: key for key in self._client.get_signing_keys()}
        # ValueError: the response is not JSON, or too long.
        except (PyJWTError, PyJWKError, OSError, ValueError, RecursionError, HTTPException) as error:
            log.warning("identity_provider_away", error=str(error))
            self._is_unavailable = True
        else:
            self._is_unavailable, self._fetched_at = False, time.monotonic()
        finally:
            with self._lock:
                self._next_fetch_at = time.monotonic() + PAUSE_SECONDS
                self._fetched = None
            fetched.set()


class _Client(PyJWKClient):
    def fetch_data(self) -> Any:
        answer = json.loads(fetch(self.uri, seconds=TIMEOUT_SECONDS, max_bytes=MAX_BYTES))
        return self._as_jwk_set_payload(answer)


@built_once
def provider_keys(url: str) -> ProviderKeys:
    """The keys of the endpoint, kept for this process."""
    return ProviderKeys(url)
