"""One attempt: a group's handler is called with an event, within limits; what goes wrong becomes text."""

from contextlib import AbstractContextManager
from typing import NamedTuple

import structlog
from celery.exceptions import SoftTimeLimitExceeded
from django.db import connection, transaction

from events_app.envelope import Event
from events_app.groups import Call, NotNow, handler_of
from events_app.metrics import HANDLED

log = structlog.get_logger(__name__)

# A handler's statement that takes longer, or waits longer for a lock, is a handler that fails.
STATEMENT_SECONDS = 30
LOCK_SECONDS = 10
# Of an error's text, which can repeat someone's data many times.
LONGEST_ERROR = 2_000


class Failure(NamedTuple):
    """Why an event was not handled; whether that counts as one of its attempts."""

    text: str
    counts: bool = True


def attempt(group: str, event: Event) -> Failure | None:
    """Call the handler, in a savepoint if it is transactional; what went wrong, None when done.

    Raises SoftTimeLimitExceeded: that the tick's time is up is not the handler's fault.
    """
    handler = handler_of(group, event.type)
    if handler is None:
        return Failure(f"Group {group!r} has no handler of {event.type!r}.")
    try:
        if handler.transactional:
            _call_in_savepoint(handler.call, event)
        else:
            handler.call(event)
    except SoftTimeLimitExceeded:
        raise
    except NotNow as reason:
        HANDLED.labels(group, event.type, "put off").inc()
        log.warning("event_put_off", type=event.type, subject=event.subject, reason=str(reason))
        return Failure(str(reason), counts=False)
    except Exception as error:  # whatever a handler does wrong must not stop the others
        HANDLED.labels(group, event.type, "failed").inc()
        log.exception("event_handler_failed", type=event.type, subject=event.subject)
        return Failure(text_of(error))
    HANDLED.labels(group, event.type, "done").inc()
    log.info("event_handled", type=event.type, subject=event.subject)
    return None


def _call_in_savepoint(call: Call, event: Event) -> None:
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(  # for the rest of the transaction
                "SELECT set_config('statement_timeout', %s, true), set_config('lock_timeout', %s, true)",
                [f"{STATEMENT_SECONDS * 1000:.0f}", f"{LOCK_SECONDS * 1000:.0f}"],
            )
        call(event)
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
