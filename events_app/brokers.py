"""Brokers: what the relay hands events to, and the one of this process. Kafka's is in events_app/kafka.py.

Without KAFKA_BOOTSTRAP_SERVERS the events go straight to the groups' handlers. That is as durable as
a broker: a row leaves the outbox only when each group has handled it or has parked it.
"""

from collections.abc import Callable, Sequence
from math import inf
from time import monotonic
from typing import Protocol

from django.db import InterfaceError, OperationalError

from events_app.envelope import Event, OutboxRow
from events_app.groups import groups_for, takes_batches
from events_app.handling import handle_together
from events_app.liveness import turned


class Broker(Protocol):
    """Takes events in order."""

    @property
    def batch_size(self) -> int:
        """How many events it likes to get at once, at most."""
        ...

    def publish(self, events: Sequence[Event], *, waiting: Callable[[], None]) -> int:
        """Take the events, in order; how many of them, from the first on, are safely taken.

        The others are given again. Calls `waiting` at least each second while it waits; that may raise to
        give up.
        """
        ...

    def publish_rows(self, rows: Sequence[OutboxRow], *, waiting: Callable[[], None]) -> int:
        """The same with the rows that hold the events."""
        ...


class PublishError(RuntimeError):
    """The broker refuses an event for good. Nothing overtakes it, so that the order holds."""


class InProcessBroker:
    """Hands each event to each group that does something about it."""

    batch_size = 200

    def __init__(self, *, batch_seconds: float = inf) -> None:
        """A batch ends with the event during which `batch_seconds` pass."""
        self._batch_seconds = batch_seconds
        # One of the first may be what ended the process before this one.
        self._on_record = self.batch_size

    def publish(self, events: Sequence[Event], *, waiting: Callable[[], None]) -> int:
        until = monotonic() + self._batch_seconds
        kept: dict[str, list[Event]] = {}
        taken = 0
        try:
            for event in events:
                if taken and monotonic() > until:
                    break
                for group in groups_for(event):
                    self._take(group, event, kept)
                taken += 1
            for group, together in kept.items():
                self._handle(group, together)
        except (OperationalError, InterfaceError):
            self._on_record = self.batch_size  # it may be the event that cost us the session
            raise
        self._on_record -= taken
        return taken

    def _take(self, group: str, event: Event, kept: dict[str, list[Event]]) -> None:
        """Handle the event, or keep it for its group's next batch. A group's events stay in their order."""
        if group in kept and kept[group][0].type != event.type:
            self._handle(group, kept.pop(group))
        if takes_batches(group, event.type):
            kept.setdefault(group, []).append(event)
        else:
            self._handle(group, [event])

    def _handle(self, group: str, events: Sequence[Event]) -> None:
        handle_together(group, events, on_record=self._on_record > 0)
        turned("relay")

    def publish_rows(self, rows: Sequence[OutboxRow], *, waiting: Callable[[], None]) -> int:
        return self.publish([row.event() for row in rows], waiting=waiting)
