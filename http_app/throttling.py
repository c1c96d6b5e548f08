"""Rate limits: a 429 with Retry-After, and on each limited answer what is left.

Requests are counted in fixed windows (each minute, each hour), by one increment in the cache `throttles`, so
that all processes count together. DRF's own throttles read a list and write it back, which loses one of two
concurrent requests. When the cache is unavailable, nothing is counted and every request is allowed.
Every request counts, also a retry, a replay (`Idempotent-Replayed`) and an error (4xx).
Source of the headers RateLimit and RateLimit-Policy: draft-ietf-httpapi-ratelimit-headers-11.
"""

from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from ipaddress import IPv6Address, ip_address, ip_network
from math import ceil
from typing import Any, Protocol, cast

from django.conf import settings
from django.core.cache import caches
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone
from rest_framework.exceptions import Throttled
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

# The attribute of Django's request with the counts of its throttles.
_COUNTS = "rate_limit_counts"
SECONDS = {"s": 1, "min": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True)
class Count:
    """How a request stands with one limit: `left` more are allowed in the `resets_in` seconds that remain."""

    scope: str
    quota: int
    window: int
    left: int
    resets_in: int


class Throttle(BaseThrottle):
    """Allows the rate in THROTTLE_RATES for `scope`; None means no limit."""

    scope: str
    # Set when a request was counted.
    count: Count | None = None
    over = 0  # how many more than allowed were counted

    def identity(self, request: Request) -> str | None:
        """The identity that is counted, or None if this request does not count."""
        raise NotImplementedError

    def allow_request(self, request: Request, view: Any) -> bool:
        identity = self.identity(request)
        if identity is None:
            return True
        is_allowed = self.allows(identity)
        self.note(request)
        return is_allowed

    def note(self, request: Request) -> None:
        """Have the answer name this limit, if the request was counted."""
        if self.count:
            request._request.__dict__.setdefault(_COUNTS, []).append(self.count)

    def allows(self, identity: str, amount: int = 1) -> bool:
        """Count `amount` more; whether they are allowed."""
        rate: str | None = settings.THROTTLE_RATES[self.scope]
        if not rate:
            return True
        allowed, seconds = parse_rate(rate)
        now = timezone.now().timestamp()
        window = int(now // seconds)
        key = f"{self._key(identity)}-{window}"
        counted = _cache().count(key, seconds=seconds, by=amount)
        self.seconds_left = max(1, ceil((window + 1) * seconds - now))
        if counted is None:
            return True
        is_allowed = counted <= allowed
        self.over = max(0, counted - allowed)
        if amount > 1 and not is_allowed:  # what is left is still there for fewer
            counted = _cache().count(key, seconds=seconds, by=-amount) or counted
        self.count = Count(self.scope, allowed, seconds, max(0, allowed - counted), self.seconds_left)
        return is_allowed

    def claim(self, identity: str, *, seconds: int) -> int:
        """Claim the only place for so many seconds: 0, or the seconds until it is free."""
        return _cache().claim(f"{self._key(identity)}-place", seconds=seconds)

    def wait(self) -> float:
        return self.seconds_left

    def _key(self, identity: str) -> str:
        # A hash, so that keys contain no email address and no text chosen by a caller.
        return f"{self.scope}-{sha256(identity.encode(errors='replace')).hexdigest()[:32]}"

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
        return str(request.user.pk) if request.user.pk and request.method not in SAFE_METHODS else None


class Operations(ByUser):
    """Operations of bulk requests, which count beside the requests: one bulk may have a thousand."""

    scope = "operations"

    def charge(self, request: Request, amount: int) -> None:
        """Count the operations of a request. Raises Throttled (429) and counts none if they are too many."""
        is_allowed = self.allows(str(request.user.pk), amount)
        self.note(request)
        if not is_allowed:
            raise Throttled(self.wait())


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


def set_limit_headers(request: Request, response: HttpResponseBase) -> None:
    """Say on the answer which limits the request was counted against, and what is left of each."""
    counts: list[Count] = request._request.__dict__.get(_COUNTS, [])
    if counts:
        policies = [f'"{one.scope}";q={one.quota};w={one.window}' for one in counts]
        response["RateLimit-Policy"] = ", ".join(policies)
        response["RateLimit"] = ", ".join(f'"{one.scope}";r={one.left};t={one.resets_in}' for one in counts)


@cache
def parse_rate(rate: str) -> tuple[int, int]:
    """`30/min` as (requests, seconds). The periods are s, min, h and d. Raises ValueError."""
    amount, slash, period = rate.partition("/")
    if not (slash and amount.isascii() and amount.isdigit() and int(amount) > 0 and period in SECONDS):
        raise ValueError(f"{rate!r} is not a rate. Write it like 30/min or 100/h (s, min, h, d).")
    return int(amount), SECONDS[period]


def _cache() -> "_CountingCache":
    return cast(_CountingCache, caches["throttles"])


class _CountingCache(Protocol):
    def count(self, key: str, *, seconds: int, by: int = 1) -> int | None: ...

    def claim(self, key: str, *, seconds: int) -> int: ...
