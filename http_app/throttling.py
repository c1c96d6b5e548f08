"""How often somebody may ask. More is a 429 with Retry-After.

Counted in windows that are the same for everybody (each minute, each hour), by one increment in the cache
`throttles`, so that all processes count together; DRF's own throttles read a list and write it back, and
of two requests at once one is lost. When the cache is away, nothing is counted and everything is let in.
Every request counts: a retry, a replay (`Idempotent-Replayed`) and a mistake (4xx) cost as much as another.
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
    """Allows what THROTTLE_RATES says for `scope`; None there means without limit."""

    scope: str

    def who(self, request: Request) -> str | None:
        """Who is counted; None: nobody is, for this request."""
        raise NotImplementedError

    def allow_request(self, request: Request, view: Any) -> bool:
        who = self.who(request)
        return who is None or self.allows(who)

    def allows(self, who: str) -> bool:
        """Counts one more; whether that is still allowed."""
        rate: str | None = settings.THROTTLE_RATES[self.scope]
        if not rate:
            return True
        allowed, seconds = parse_rate(rate)
        now = timezone.now().timestamp()
        window = int(now // seconds)
        cache = cast(_CountingCache, caches["throttles"])
        counted = cache.count(f"{self.scope}-{_short(who)}-{window}", seconds=seconds)
        self.seconds_left = max(1, ceil((window + 1) * seconds - now))
        return counted is None or counted <= allowed

    def wait(self) -> float:
        return self.seconds_left

    def address(self, request: Request | HttpRequest) -> str:
        """Where the request comes from. One customer has a whole /64 of IPv6, so that counts as one."""
        text = str(self.get_ident(cast(Request, request)))
        try:
            address = ip_address(text)
        except ValueError:
            return text
        if isinstance(address, IPv6Address):
            return str(address.ipv4_mapped or ip_network((address, 64), strict=False))
        return text


class ByUser(Throttle):
    """Requests of a user, whatever token they come with."""

    def who(self, request: Request) -> str | None:
        return str(request.user.pk) if request.user.pk else None


class Writes(ByUser):
    scope = "writes"

    def who(self, request: Request) -> str | None:
        return None if request.method in SAFE_METHODS else super().who(request)


class Previews(ByUser):
    """Requests that change nothing, as often as somebody types."""

    scope = "previews"


class ByAddress(Throttle):
    """Requests of an address."""

    def who(self, request: Request) -> str | None:
        return self.address(request)


class ByAddressAndEmail(Throttle):
    """Requests of an address about an account: whoever guesses elsewhere locks nobody out here."""

    def who(self, request: Request) -> str | None:
        email = str(cast(dict[str, Any], request.data).get("email", ""))
        return self.pair(request, email) if email else None

    def pair(self, request: Request | HttpRequest, email: str) -> str:
        return f"{self.address(request)} {email.strip().lower()}"


def parse_rate(rate: str) -> tuple[int, int]:
    """`30/min` as (requests, seconds). The periods are s, min, h and d. Raises ValueError."""
    amount, slash, period = rate.partition("/")
    if not (slash and amount.isascii() and amount.isdigit() and int(amount) > 0 and period in SECONDS):
        raise ValueError(f"{rate!r} is no rate; write one like 30/min or 100/h (s, min, h, d).")
    return int(amount), SECONDS[period]


class _CountingCache(Protocol):
    def count(self, key: str, *, seconds: int) -> int | None: ...


def _short(text: str) -> str:
    """No e-mail address and no text of a caller's own making stands in a key."""
    return sha256(text.encode(errors="replace")).hexdigest()[:32]
