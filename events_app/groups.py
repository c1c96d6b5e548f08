"""Groups of handlers: who does something about which events.

A handler stands in its app's `consumers.py`:

    @handles("task.completed", group="recurring")
    def create_next_occurrence(event: Event) -> None: ...

It runs inside a transaction and may be called again with the same event: its effect is held to one
by a unique key in the database, never by memory. One that writes nothing to the database says so
(`transactional=False`) and is spared the transaction, which takes most of an event's time. One that does
nothing about most events of its types says about which it does (`only_if`), and never sees the others.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator

from events_app.catalogue import kind_of
from events_app.envelope import Event

Handler = Callable[[Event], None]
Condition = Callable[[Event], bool]


class NotNow(Exception):  # noqa: N818 - no error
    """A handler cannot do its work because what it needs does not answer: no fault of the event's.

    The event waits in its place and is tried again every EVENT_FIRST_RETRY, for as long as that takes.
    """


_handlers: dict[str, dict[str, Handler]] = defaultdict(dict)
_without_transaction: set[Handler] = set()
_conditions: dict[Handler, Condition] = {}


def handles(
    *types: str, group: str, transactional: bool = True, only_if: Condition | None = None
) -> Callable[[Handler], Handler]:
    """Register the handler of these event types in a group, for those events that `only_if` is true of.

    `only_if` reads nothing but the event, which fits the catalogue, and raises nothing.
    With `transactional=False` the handler promises to write nothing to the database, and that no event can
    make it end the process. It is called outside any transaction, but for a second attempt.

    Raises UnknownEventError for a type that is not in the catalogue, ValueError for a second handler.
    """

    def register(handler: Handler) -> Handler:
        for event_type in types:
            kind_of(event_type)
            if event_type in _handlers[group]:
                raise ValueError(f"Group {group!r} has a handler of {event_type!r} already.")
            _handlers[group][event_type] = handler
        if not transactional:
            _without_transaction.add(handler)
        if only_if is not None:
            _conditions[handler] = only_if
        return handler

    return register


def handler_of(group: str, event_type: str) -> Handler | None:
    """What the group does about this type; None when nothing."""
    return _handlers.get(group, {}).get(event_type)


def runs_without_transaction(group: str, event_type: str) -> bool:
    """Whether the group's handler of this type was registered with `transactional=False`."""
    return handler_of(group, event_type) in _without_transaction


def concerns(group: str, event: Event) -> bool:
    """Whether the group does something about this event."""
    handler = handler_of(group, event.type)
    return handler is not None and (handler not in _conditions or _conditions[handler](event))


def groups_for(event: Event) -> Iterator[str]:
    """The groups that do something about this event."""
    return (group for group in _handlers if concerns(group, event))


def types_of(group: str) -> Iterable[str]:
    """The types the group does something about."""
    return _handlers.get(group, {}).keys()


def group_names() -> Iterable[str]:
    """Every group that does something."""
    return _handlers.keys()
