"""Events and one group: handle them, or park them and go on.

A handler that fails parks its event; later events of the same group and key queue behind it, so that
order holds, while everyone else's go on (events_app/parked.py).
"""

from collections.abc import Sequence

from django.db import DataError, transaction
from structlog.contextvars import bound_contextvars

from events_app.envelope import Event
from events_app.groups import attempt, ids_in_logs, runs_without_transaction
from events_app.parked import (
    any_parked,
    has_parked,
    park_failed,
    park_unended,
    queue_behind_others,
    retry,
    retry_together,
)


def handle_together(group: str, events: Sequence[Event], *, on_record: bool = False) -> None:
    """As handle() for events of one type, in order, whose handler takes batches: all at once.

    If something is in the way of that, they are handled one by one.
    """
    if len(events) < 2 or not try_together(group, events, on_record=on_record):
        for event in events:
            handle(group, event, on_record=on_record)


def try_together(group: str, events: Sequence[Event], *, on_record: bool = False) -> bool:
    """Handle events of one type, in order, in one transaction; False if that cannot be: then none is handled.

    In the way is an event that fails, that no row can hold, or that must wait behind a parked one of its key.
    A handler registered with `transactional=False` gets no transaction, and may have done a part.
    """
    if runs_without_transaction(group, events[0].type):
        way = _together_without_transaction
    else:
        way = _together_on_record if on_record else _together
    with bound_contextvars(group=group):
        try:
            return way(group, events)
        except (ValueError, DataError):
            return False


def handle(group: str, event: Event, *, on_record: bool = False) -> None:
    """Have the group handle the event, or park it. Never raises for a fault of the handler.

    way                                 when
    without a transaction               the handler is registered with `transactional=False`
    on record: the attempt is written   `on_record`: the event is among the first that a process meets,
    down and committed, then made       and one of those may have ended the process before it
    in one transaction                  otherwise
    """
    if runs_without_transaction(group, event.type):
        way = _without_transaction
    else:
        way = _on_record if on_record else _in_one_transaction
    with ids_in_logs(group, event):
        way(group, event)


@transaction.atomic
def _in_one_transaction(group: str, event: Event) -> None:
    if not queue_behind_others(group, event):
        _attempt_or_park(group, event)


def _on_record(group: str, event: Event) -> None:
    with transaction.atomic():
        if queue_behind_others(group, event):
            return
        park_unended(group, event)
    retry(group, event, attempts=1)


def _without_transaction(group: str, event: Event) -> None:
    if has_parked(group, event.key):
        with transaction.atomic():
            if queue_behind_others(group, event):
                return
    _attempt_or_park(group, event)


def _attempt_or_park(group: str, event: Event) -> None:
    failure = attempt(group, event)
    if failure is not None:
        park_failed(group, event, failure)


@transaction.atomic
def _together(group: str, events: Sequence[Event]) -> bool:
    return not any_parked(group, events) and attempt(group, *events) is None


def _together_without_transaction(group: str, events: Sequence[Event]) -> bool:
    return not has_parked(group, *(event.key for event in events)) and attempt(group, *events) is None


def _together_on_record(group: str, events: Sequence[Event]) -> bool:
    with transaction.atomic():
        if any_parked(group, events):
            return False
        park_unended(group, *events)
    return retry_together(group, events)
