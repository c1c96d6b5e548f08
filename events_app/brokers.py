"""Brokers: what the relay hands events to.

Without KAFKA_BOOTSTRAP_SERVERS the events go straight to the groups' handlers. That is as durable as
a broker: a row leaves the outbox only when each group is done with it or has parked it.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from django.conf import settings
from django.db import InterfaceError, OperationalError

from events_app.envelope import Event, OutboxRow
from events_app.groups import groups_for
from events_app.handling import handle, handle_on_record
from events_app.liveness import turned


class Broker(Protocol):
    """Takes events in their order."""

    @property
    def batch_size(self) -> int:
        """How many events it likes to get at once, at most."""
        ...

    def publish(self, events: Sequence[Event], *, waiting: Callable[[], None]) -> int:
        """Take the events, in order; how many of them, from the first on, are safely taken.

        Calls `waiting` at least each second while it waits; that may raise to give up.
        """
        ...

    def publish_rows(self, rows: Sequence[OutboxRow], *, waiting: Callable[[], None]) -> int:
        """The same with the rows that hold the events."""
        ...


class PublishError(RuntimeError):
    """The broker refuses an event for good: nothing goes past it, so that no order is broken."""


class InProcessBroker:
    """Hands each event to each group that does something about it."""

    batch_size = 200

    def __init__(self) -> None:
        # One of the first may be what ended the process before this one.
        self._on_record = self.batch_size

    def publish(self, events: Sequence[Event], *, waiting: Callable[[], None]) -> int:
        for event in events:
            try:
                self._hand(event)
            except (OperationalError, InterfaceError):
                self._on_record = self.batch_size  # it may be the event that cost us the session
                raise
            self._on_record -= 1
            turned("relay")
        return len(events)

    def _hand(self, event: Event) -> None:
        for group in groups_for(event):
            (handle_on_record if self._on_record > 0 else handle)(group, event)

    def publish_rows(self, rows: Sequence[OutboxRow], *, waiting: Callable[[], None]) -> int:
        return self.publish([row.event() for row in rows], waiting=waiting)


def broker_of_settings() -> Broker:
    """Kafka when KAFKA_BOOTSTRAP_SERVERS names one, else this process."""
    if not settings.KAFKA_BOOTSTRAP_SERVERS:
        return InProcessBroker()
    from events_app.kafka import KafkaBroker  # librdkafka is not loaded where nobody uses it

    return KafkaBroker()
