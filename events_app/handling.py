"""One event and one group: handle it, or park it and go on.

A handler that fails parks its event; later events of the same group and key queue behind it, so that
order holds, while everybody else's go on. A tick retries with backoff; after MAX_ATTEMPTS the event
becomes a dead letter.
"""

from contextlib import AbstractContextManager, ExitStack
from datetime import datetime, timedelta

import structlog
from celery.exceptions import SoftTimeLimitExceeded
from django.db import connection, transaction
from django.db.models import OuterRef, QuerySet, Subquery
from django.utils import timezone

from events_app.envelope import Event, from_row
from events_app.groups import handler_of
from events_app.metrics import BURIED, HANDLED
from events_app.models import DeadLetter, EventFields, ParkedEvent

log = structlog.get_logger(__name__)

# 5 s, 10 s, 20 s ... 21 min: about 40 minutes in all, longer than a deploy or a database restart takes.
MAX_ATTEMPTS = 9
FIRST_RETRY = timedelta(seconds=5)
# One user's queue must not keep the tick from the others'; the next tick goes on with it.
RETRIES_PER_KEY = 100

_EVENT_FIELDS = [field.name for field in EventFields._meta.get_fields()]


def handle(group: str, event: Event) -> None:
    """Have the group handle the event in one transaction, or park it. Never raises for a handler's fault."""
    with _ids_in_logs(group, event), transaction.atomic():
        head = _of_key(group, event.key).order_by("id").first()
        if head is not None:
            _park(group, event, attempts=0, error="", due=head.next_attempt_at)
            return
        error = _try(group, event)
        if error is not None:
            _park(group, event, attempts=1, error=error, due=timezone.now() + backoff(1))


def retry_parked(limit: int = 100) -> int:
    """Try again what is due, the oldest of each group and key first. Returns how many left the table."""
    of_key = ParkedEvent.objects.filter(group=OuterRef("group"), key=OuterRef("key")).order_by("id")
    head = Subquery(of_key.values("id")[:1])
    due = ParkedEvent.objects.filter(next_attempt_at__lte=timezone.now(), id=head)
    keys = list(due.order_by("next_attempt_at").values_list("group", "key")[:limit])
    return sum(_retry_key(group, key) for group, key in keys)


def backoff(attempts: int) -> timedelta:
    """How long to wait after this many failed attempts."""
    return FIRST_RETRY * (1 << (attempts - 1))


def _retry_key(group: str, key: str) -> int:
    done = 0
    while done < RETRIES_PER_KEY and _retry_head(group, key):
        done += 1
    return done


def _retry_head(group: str, key: str) -> bool:
    """Try the oldest parked event of the key; True when it has left the table."""
    with ExitStack() as bound, transaction.atomic():
        head = ParkedEvent.objects.filter(group=group, key=key).select_for_update().order_by("id").first()
        if head is None or head.next_attempt_at > timezone.now():
            return False
        event = from_row(head)
        bound.enter_context(_ids_in_logs(group, event))
        error = _try(group, event)
        if error is None:
            head.delete()
            return True
        return _failed_again(head, error)


def _failed_again(head: ParkedEvent, error: str) -> bool:
    head.attempts += 1
    head.error = error
    if head.attempts >= MAX_ATTEMPTS:
        bury(head)
        return True
    head.save(update_fields=["attempts", "error"])
    # What waits behind it is not due before it: the tick would look at all of it each time.
    _of_key(head.group, head.key).update(next_attempt_at=timezone.now() + backoff(head.attempts))
    return False


def _of_key(group: str, key: str) -> QuerySet[ParkedEvent]:
    return ParkedEvent.objects.filter(group=group, key=key)


def bury(parked: ParkedEvent) -> DeadLetter:
    """Turn a parked event into a dead letter."""
    dead = DeadLetter.objects.create(
        group=parked.group, attempts=parked.attempts, error=parked.error, **_fields(from_row(parked))
    )
    log.error("event_died", group=parked.group, event_id=str(parked.event_id), error=parked.error)
    BURIED.labels(parked.group).inc()
    parked.delete()
    return dead


def requeue(dead: DeadLetter) -> ParkedEvent:
    """Give a dead letter back to its group, behind what is parked already."""
    event = from_row(dead)
    with _ids_in_logs(dead.group, event), transaction.atomic():
        parked = _park(dead.group, event, attempts=0, error=dead.error, due=timezone.now())
        dead.delete()
        log.info("dead_letter_requeued", type=event.type, subject=event.subject)
    return parked


def _try(group: str, event: Event) -> str | None:
    """Run the handler in a savepoint; its error as text, or None when it is done."""
    handler = handler_of(group, event.type)
    if handler is None:
        return f"Group {group!r} has no handler of {event.type!r}."
    try:
        with transaction.atomic():
            handler(event)
            # Foreign keys are checked at commit, which is too late to park the event: ask now.
            connection.check_constraints()
    except SoftTimeLimitExceeded:  # the tick's time is up: no fault of the handler's
        raise
    except Exception as error:  # whatever a handler does wrong must not stop the others
        HANDLED.labels(group, event.type, "failed").inc()
        log.exception("event_handler_failed", type=event.type, subject=event.subject)
        return f"{type(error).__name__}: {error}"
    HANDLED.labels(group, event.type, "done").inc()
    log.info("event_handled", type=event.type, subject=event.subject)
    return None


def _ids_in_logs(group: str, event: Event) -> AbstractContextManager[None]:
    """Around the transaction, so that what is queued at its commit takes the ids along to the worker."""
    return structlog.contextvars.bound_contextvars(
        request_id=event.request_id, event_id=str(event.id), group=group
    )


def _park(group: str, event: Event, *, attempts: int, error: str, due: datetime) -> ParkedEvent:
    parked, _ = ParkedEvent.objects.get_or_create(
        group=group,
        event_id=event.id,
        defaults=_fields(event) | {"attempts": attempts, "next_attempt_at": due, "error": error},
    )
    return parked


def _fields(event: Event) -> dict[str, object]:
    return {name: getattr(event, "id" if name == "event_id" else name) for name in _EVENT_FIELDS}
