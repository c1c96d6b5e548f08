"""Brokers: what the relay hands events to.

Without KAFKA_BOOTSTRAP_SERVERS the events go straight to the groups' handlers. That is as durable as
a broker: a row leaves the outbox only when each group is done with it or has parked it.
"""

from collections.abc import Sequence
from typing import Protocol

from events_app.envelope import Event
from events_app.groups import groups_for
from events_app.handling import handle


class Broker(Protocol):
    """Takes events in their order."""

    def publish(self, events: Sequence[Event]) -> int:
        """Take the events, in order; how many of them, from the first on, are safely taken."""
        ...


class InProcessBroker:
    """Hands each event to each group that has a handler of it."""

    def publish(self, events: Sequence[Event]) -> int:
        for event in events:
            for group in groups_for(event.type):
                handle(group, event)
        return len(events)
