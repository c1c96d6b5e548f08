"""Groups of handlers: which group does something about which events, and one attempt to do it.

A handler stands in its app's `consumers.py`:

    @handles("task.completed", group="recurring")
    def create_next_occurrence(event: Event) -> None: ...

It runs inside a transaction and may be called again with the same event: a unique key in the database, never
memory, makes sure that its effect happens once. A handler that writes nothing to the database is registered
with `transactional=False`, which saves the transaction, most of an event's time. One that does nothing about
most events of its types says with `only_if` which ones it needs, and never sees the others. One that does
many events at the price of one is registered with `in_batches=True`, and takes a sequence of events.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, NamedTuple, TypeVar

import structlog
from celery.exceptions import SoftTimeLimitExceeded
from django.db import connection, transaction

from events_app.catalogue import CATALOGUE, kind_of
from events_app.envelope import Event
from events_app.metrics import BURIED, HANDLED, OUTCOMES

log = structlog.get_logger(__name__)

# A handler's statement that takes longer, or waits longer for a lock, is a handler that fails.
STATEMENT_SECONDS = 30
LOCK_SECONDS = 10
# Of an error's text, which can repeat someone's data many times.
LONGEST_ERROR = 2_000

Call = Callable[[Event], None]
BatchCall = Callable[[Sequence[Event]], None]
AnyCall = TypeVar("AnyCall", Call, BatchCall)
Condition = Callable[[Event], bool]


class NotNow(Exception):  # noqa: N818 - no error
    """A handler cannot do its work because something it needs does not answer: not the event's fault.

    The event stays first of its key and is tried again every EVENT_FIRST_RETRY, for as long as that takes.
    """


class Handler(NamedTuple):
    """What a group does about events of one type."""

    call: Callable[[Any], None]
    transactional: bool = True
    only_if: Condition | None = None
    in_batches: bool = False

    def handle(self, events: Sequence[Event]) -> None:
        """Call it with events of its type."""
        if self.in_batches:
            self.call(events)
        else:
            for event in events:
                self.call(event)


class Failure(NamedTuple):
    """Why an event was not handled; whether that counts as one of its attempts."""

    text: str
    counts: bool = True


# By group, then by type.
registry: dict[str, dict[str, Handler]] = defaultdict(dict)


def handles(
    *types: str,
    group: str,
    transactional: bool = True,
    only_if: Condition | None = None,
    in_batches: bool = False,
) -> Callable[[AnyCall], AnyCall]:
    """Register the handler of these event types in a group, for those events that `only_if` is true of.

    `only_if` reads nothing but the event, which fits the catalogue, and must not raise.
    With `transactional=False` the handler promises to write nothing to the database, and that no event can
    make it end the process. It is called outside any transaction, except when an event is tried again.
    With `in_batches=True` it takes several events of one type, in order. If it raises, they are tried one by
    one, so that one of them keeps none of the others from it.

    Raises UnknownEventError for a type that is not in the catalogue, ValueError for a second handler.
    """

    def register(call: AnyCall) -> AnyCall:
        for event_type in types:
            kind_of(event_type)
            if event_type in registry[group]:
                raise ValueError(f"Group {group!r} already has a handler of {event_type!r}.")
            registry[group][event_type] = Handler(call, transactional, only_if, in_batches)
            _count_from_zero(group, event_type)
        return call

    return register


def _count_from_zero(group: str, event_type: str) -> None:
    """A counter that begins with its first event has no rate for that event, so an alert would miss it."""
    for outcome in OUTCOMES:
        HANDLED.labels(group, event_type, outcome)
    BURIED.labels(group)


def handler_of(group: str, event_type: str) -> Handler | None:
    """What the group does about this type; None when nothing."""
    return registry.get(group, {}).get(event_type)


def runs_without_transaction(group: str, event_type: str) -> bool:
    """Whether the group's handler of this type was registered with `transactional=False`."""
    handler = handler_of(group, event_type)
    return handler is not None and not handler.transactional


def takes_batches(group: str, event_type: str) -> bool:
    """Whether the group's handler of this type was registered with `in_batches=True`."""
    handler = handler_of(group, event_type)
    return handler is not None and handler.in_batches


def concerns(group: str, event: Event) -> bool:
    """Whether the group does something about this event."""
    handler = handler_of(group, event.type)
    return handler is not None and (handler.only_if is None or handler.only_if(event))


def groups_for(event: Event) -> Iterator[str]:
    """The groups that do something about this event."""
    return (group for group in registry if concerns(group, event))


def types_of(group: str) -> Iterable[str]:
    """The types the group does something about."""
    return registry.get(group, {}).keys()


def topics_of(group: str) -> list[str]:
    """The topics with events that the group does something about."""
    return sorted({CATALOGUE[name].topic for name in types_of(group)})


def group_names() -> Iterable[str]:
    """Every group that does something."""
    return registry.keys()


def attempt(group: str, *events: Event) -> Failure | None:
    """Call the handler with events of one type, in a savepoint if it is transactional.

    Returns what went wrong, None when done.
    Raises SoftTimeLimitExceeded: that the tick's time is up is not the handler's fault.
    """
    first = events[0]
    handler = handler_of(group, first.type)
    if handler is None:
        return Failure(f"Group {group!r} has no handler of {first.type!r}.")
    about: dict[str, object] = {"type": first.type, "subject": first.subject, "count": len(events)}
    if len(events) > 1:  # of a single one the log has the id anyway
        about["event_ids"] = [str(event.id) for event in events]
    try:
        if handler.transactional:
            _in_savepoint(handler, events)
        else:
            handler.handle(events)
    except SoftTimeLimitExceeded:
        raise
    except NotNow as reason:
        HANDLED.labels(group, first.type, "put off").inc(len(events))
        log.warning("event_put_off", **about, reason=str(reason))
        return Failure(str(reason), counts=False)
    except Exception as error:  # whatever a handler does wrong must not stop the others
        HANDLED.labels(group, first.type, "failed").inc(len(events))
        log.exception("event_handler_failed", **about)
        return Failure(text_of(error))
    HANDLED.labels(group, first.type, "done").inc(len(events))
    log.info("event_handled", **about)
    return None


def _in_savepoint(handler: Handler, events: Sequence[Event]) -> None:
    with transaction.atomic():
        with connection.cursor() as cursor:
            # For the rest of the transaction.
            cursor.execute(
                f"SET LOCAL statement_timeout = {STATEMENT_SECONDS * 1000:.0f};"
                f" SET LOCAL lock_timeout = {LOCK_SECONDS * 1000:.0f}"
            )
        handler.handle(events)
        # Foreign keys are checked at commit, which is too late to park the event: check them now.
        connection.check_constraints()


def text_of(error: BaseException) -> str:
    """An error as a row can keep it: PostgreSQL has no NUL, nor half of a surrogate pair."""
    text = f"{type(error).__name__}: {error}"[:LONGEST_ERROR].replace("\0", "\\0")
    return text.encode(errors="backslashreplace").decode()


def ids_in_logs(group: str, event: Event) -> AbstractContextManager[None]:
    """Put around the transaction, so that what is queued at its commit takes the ids along to the worker."""
    return structlog.contextvars.bound_contextvars(
        request_id=event.request_id, event_id=str(event.id), group=group
    )
