"""Rate limits: a 429 with Retry-After.

Requests are counted in fixed windows (each minute, each hour), by one increment in the cache `throttles`, so
that all processes count together. DRF's own throttles read a list and write it back, which loses one of two
concurrent requests. When the cache is unavailable, nothing is counted and every request is allowed.
Every request counts, also a retry, a replay (`Idempotent-Replayed`) and an error (4xx).
"""

from hashlib import sha256
from ipaddress import IPv6Address, ip_address, ip_network
from math import ceil
from typing import Any, Protocol, cast

from django.conf import settings
from django.core.cache import caches
from django.http import HttpRequest
from django.utils import timezone
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

SECONDS = {"s": 1, "min": 60, "h": 3600, "d": 86400}


class Throttle(BaseThrottle):
    """Allows the rate in THROTTLE_RATES for `scope`; None means no limit."""

    scope: str

    def identity(self, request: Request) -> str | None:
        """The identity that is counted, or None if this request does not count."""
        raise NotImplementedError

    def allow_request(self, request: Request, view: Any) -> bool:
        identity = self.identity(request)
        return identity is None or self.allows(identity)

    def allows(self, identity: str) -> bool:
        """Count one more request; whether it is allowed."""
        rate: str | None = settings.THROTTLE_RATES[self.scope]
        if not rate:
            return True
        allowed, seconds = parse_rate(rate)
        now = timezone.now().timestamp()
        window = int(now // seconds)
        cache = cast(_CountingCache, caches["throttles"])
        # A hash, so that keys contain no email address and no text chosen by a caller.
        short = sha256(identity.encode(errors="replace")).hexdigest()[:32]
        counted = cache.count(f"{self.scope}-{short}-{window}", seconds=seconds)
        self.seconds_left = max(1, ceil((window + 1) * seconds - now))
        return counted is None or counted <= allowed

    def wait(self) -> float:
        return self.seconds_left

    def address(self, request: Request | HttpRequest) -> str:
        """The caller's address. One customer has a whole /64 of IPv6, so a /64 counts as one address."""
        text = str(self.get_ident(cast(Request, request)))
        try:
            address = ip_address(text)
        except ValueError:
            return text
        if isinstance(address, IPv6Address):
            return str(address.ipv4_mapped or ip_network((address, 64), strict=False))
        return text


class ByUser(Throttle):
    """Requests of a user, with any token."""

    def identity(self, request: Request) -> str | None:
        return str(request.user.pk) if request.user.pk else None


class Writes(ByUser):
    scope = "writes"

    def identity(self, request: Request) -> str | None:
        return None if request.method in SAFE_METHODS else super().identity(request)


class Previews(ByUser):
    """Requests that change nothing, sent with each key that a user types."""

    scope = "previews"


class ByAddress(Throttle):
    """Requests from an address."""

    def identity(self, request: Request) -> str | None:
        return self.address(request)


class ByAddressAndEmail(Throttle):
    """Requests from an address about an account: guesses from elsewhere do not lock the owner out."""

    def identity(self, request: Request) -> str | None:
        email = str(cast(dict[str, Any], request.data).get("email", ""))
        return self.pair(request, email) if email else None

    def pair(self, request: Request | HttpRequest, email: str) -> str:
        return f"{self.address(request)} {email.strip().lower()}"


def parse_rate(rate: str) -> tuple[int, int]:
    """`30/min` as (requests, seconds). The periods are s, min, h and d. Raises ValueError."""
    amount, slash, period = rate.partition("/")
    if not (slash and amount.isascii() and amount.isdigit() and int(amount) > 0 and period in SECONDS):
        raise ValueError(f"{rate!r} is not a rate. Write it like 30/min or 100/h (s, min, h, d).")
    return int(amount), SECONDS[period]


class _CountingCache(Protocol):
    def count(self, key: str, *, seconds: int) -> int | None: ...
