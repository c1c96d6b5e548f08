"""What became of deliveries under their leases, until it is recorded."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from notifications_app.channels.channel import AttemptOutcome, Verdict
from notifications_app.claiming import Lease
from notifications_app.models import Delivery


@dataclass(frozen=True)
class NotTried:
    """Nothing was sent: the delivery is due again after `wait`."""

    wait: timedelta


@dataclass(frozen=True)
class Ended:
    """Nothing was sent, and nothing will be."""

    state: Delivery.State


class Result(NamedTuple):
    """What became of a delivery under a lease."""

    lease: Lease
    what: AttemptOutcome | NotTried | Ended

    @property
    def is_sent(self) -> bool:
        """Whether the user was reached, by this delivery or by the notice that names it."""
        if isinstance(self.what, Ended):
            return self.what.state == Delivery.State.SENT
        return isinstance(self.what, AttemptOutcome) and self.what.verdict is Verdict.SENT


class Row(NamedTuple):
    """What is written of a delivery."""

    state: str
    next_attempt_at: datetime
    sent_at: datetime | None = None
