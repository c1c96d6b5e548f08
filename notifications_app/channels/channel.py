"""The interface of a channel, and the outcome of one attempt to send."""

from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import Protocol

from notifications_app.models import Delivery


class Verdict(Enum):
    """What to do next: nothing, delete the target, give up, or try again later."""

    SENT = "sent"
    GONE = "gone"
    REFUSED = "refused"
    LATER = "later"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """One attempt: the verdict, the HTTP status if there was a response, and the error as text."""

    verdict: Verdict
    status: int | None = None
    error: str = ""
    retry_after: timedelta | None = None


class ChannelUnavailableError(Exception):
    """The channel cannot send until an operator fixes its configuration; the text says what is wrong."""


class Channel(Protocol):
    """A way to reach a person."""

    def send(self, delivery: Delivery) -> Outcome:
        """Send once, outside of any transaction, within a bounded time.

        Raises ChannelUnavailableError if nothing can be sent now; the delivery waits.
        """
        ...
