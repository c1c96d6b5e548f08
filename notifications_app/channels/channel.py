"""The interface of a channel, and the outcome of one attempt to send."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import NamedTuple, Protocol
from uuid import UUID

from accounts_app.models import User
from notifications_app.models import Delivery
from notifications_app.recipients import Recipient


class Verdict(Enum):
    """What to do next: nothing, delete the target, give up, or try again later."""

    SENT = "sent"
    GONE = "gone"
    REFUSED = "refused"
    LATER = "later"


@dataclass(frozen=True, kw_only=True)
class AttemptOutcome:
    """One attempt: the verdict, the HTTP status if there was a response, and the error as text."""

    verdict: Verdict
    status: int | None = None
    error: str = ""
    retry_after: timedelta | None = None


class ChannelUnavailableError(Exception):
    """The channel cannot send until an operator fixes its configuration; the text says what is wrong."""


class Target(NamedTuple):
    """Where a channel reaches a user: an address, and the subscription if the address belongs to one."""

    user_id: UUID
    address: str
    subscription_id: int | None = None


class Channel(Protocol):
    """A way to reach a person."""

    @property
    def name(self) -> str:
        """The `channel` of its deliveries, at most 20 characters."""
        ...

    @property
    def choice(self) -> str:
        """The channel in the preferences of users that includes it (accounts_app/preferences.py)."""
        ...

    def targets(self, users: Collection[Recipient | User]) -> Iterable[Target]:
        """Where to reach these users, with one statement or none.

        In a transaction, which keeps the targets.
        """
        ...

    def origin(self, address: str) -> str:
        """The server that takes the messages for this address. Slow servers wait for each other, by it."""
        ...

    def reaches(self, delivery: Delivery) -> bool:
        """Whether the target still belongs to the user, who wants messages there. Without the database."""
        ...

    def gone(self, delivery: Delivery) -> None:
        """Send nothing to this target any more: its server has said that it is gone."""
        ...

    def send(self, delivery: Delivery) -> AttemptOutcome:
        """Send once, in any thread, without the database, within a bounded time.

        Raises ChannelUnavailableError if nothing can be sent now; the delivery waits.
        """
        ...
