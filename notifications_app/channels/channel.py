"""What a channel is, and what it says about one attempt to send."""

from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import Protocol

from notifications_app.models import Delivery


class Verdict(Enum):
    """What to do now: nothing, forget the target, give up, or try again later."""

    SENT = "sent"
    GONE = "gone"
    REFUSED = "refused"
    LATER = "later"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """One attempt: the verdict, the HTTP status if there was an answer, and what went wrong in words."""

    verdict: Verdict
    status: int | None = None
    error: str = ""
    retry_after: timedelta | None = None


class ChannelUnavailableError(Exception):
    """The channel cannot send at all until an operator does something; the text says what."""


class Channel(Protocol):
    """A way to reach a person."""

    def send(self, delivery: Delivery) -> Outcome:
        """Send once, outside of any transaction, within a bounded time.

        Raises ChannelUnavailableError when nothing can be sent this way now: the delivery waits.
        """
        ...
