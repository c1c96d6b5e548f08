"""One event and one group: handle it, or park it and go on.

A handler that fails parks its event; later events of the same group and key queue behind it, so that
order holds, while everybody else's go on. A tick retries with backoff; after EVENT_MAX_ATTEMPTS the event
becomes a dead letter. Why attempts are put on record: docs/decisions/0018-what-cannot-be-handled.md.
"""

from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from time import monotonic
from typing import NamedTuple

import structlog
from celery.exceptions import SoftTimeLimitExceeded
from django.conf import settings
from django.db import DataError, InterfaceError, OperationalError, connection, transaction
from django.db.models import OuterRef, QuerySet, Subquery
from django.utils import timezone

from events_app.catalogue import UnknownEventError
from events_app.dead_letters import event_of
from events_app.envelope import Event, from_row
from events_app.groups import Handler, NotNow, handler_of, runs_without_transaction
from events_app.metrics import BURIED, HANDLED
from events_app.models import DeadLetter, EventFields, ParkedEvent

log = structlog.get_logger(__name__)

# What is known of an attempt while it lasts, and of one that ended the process that made it.
UNENDED = "Whoever tried it ended before it did."
# When the next attempt follows on one of those, at the latest.
LONGEST_UNENDED = timedelta(minutes=1)
# A handler's statement that takes longer, or waits longer for a lock, is a handler that fails.
STATEMENT_SECONDS = 30
LOCK_SECONDS = 10
# Of an error's text: somebody else's data can be in it, as often as they like.
LONGEST_ERROR = 2_000
# One user's queue must not keep the tick from the others'; the next tick goes on with it.
RETRIES_PER_KEY = 100

# Plain SQL: it is asked for each event, and the ORM would take longer than the rest.
_HAS_PARKED = """
    SELECT EXISTS (SELECT 1 FROM parked_events WHERE "group" = %(group)s),
        EXISTS (SELECT 1 FROM parked_events WHERE "group" = %(group)s AND key = %(key)s)
"""
# For so long a group that had nothing parked has nothing, unless this process parks it or gets a partition:
# whoever else gives it something (an operator) gives it back out of its order.
_NOTHING_PARKED_SECONDS = 0.1
_nothing_parked_until: dict[str, float] = {}
_EVENT_FIELDS = [*(field.name for field in EventFields._meta.get_fields()), "partition", "offset"]


class Failure(NamedTuple):
    """Why an event was not handled; whether that counts as one of its attempts."""

    text: str
    counts: bool = True


def handle(group: str, event: Event) -> None:
    """Have the group handle the event in one transaction, or park it. Never raises for a handler's fault."""
    if runs_without_transaction(group, event.type):
        _handle_without_transaction(group, event)
        return
    with _ids_in_logs(group, event), transaction.atomic():
        if not _queue_behind_others(group, event):
            _try_or_park(group, event)


def handle_on_record(group: str, event: Event) -> None:
    """As `handle`, with the attempt on record before it begins: one that ends the process counts too.

    For the first events that a process meets: one of them may have ended the process before it.
    """
    if runs_without_transaction(group, event.type):
        handle(group, event)
        return
    with _ids_in_logs(group, event), transaction.atomic():
        if _queue_behind_others(group, event):
            return
        _park(group, event, attempts=1, error=UNENDED, due=_due_if_unended(1))
        head = _parked(group, event)
    _attempt(head)


def _handle_without_transaction(group: str, event: Event) -> None:
    with _ids_in_logs(group, event):
        if _has_parked(group, event.key):
            with transaction.atomic():
                if _queue_behind_others(group, event):
                    return
        _try_or_park(group, event)


def _has_parked(group: str, key: str) -> bool:
    now = monotonic()
    if now < _nothing_parked_until.get(group, 0):
        return False
    with connection.cursor() as cursor:
        cursor.execute(_HAS_PARKED, {"group": group, "key": key})
        of_group, of_key = cursor.fetchone()
    if not of_group:
        _nothing_parked_until[group] = now + _NOTHING_PARKED_SECONDS
    return bool(of_key)


def look_again(group: str) -> None:
    """Another consumer may have parked something of the keys that are this process's now."""
    _nothing_parked_until.pop(group, None)


def _try_or_park(group: str, event: Event) -> None:
    failure = _try(group, event)
    if failure is not None:
        attempts = 1 if failure.counts else 0
        _park(group, event, attempts=attempts, error=failure.text, due=timezone.now() + backoff(1))


def _queue_behind_others(group: str, event: Event) -> bool:
    due = _of_key(group, event.key).order_by("id").values_list("next_attempt_at", flat=True).first()
    if due is not None:
        _park(group, event, attempts=0, error="", due=due)
    return due is not None


def retry_parked(limit: int = 100) -> int:
    """Try again what is due, the oldest of each group and key first. Returns how many left the table."""
    of_key = ParkedEvent.objects.filter(group=OuterRef("group"), key=OuterRef("key")).order_by("id")
    head = Subquery(of_key.values("id")[:1])
    due = ParkedEvent.objects.filter(next_attempt_at__lte=timezone.now(), id=head)
    keys = list(due.order_by("next_attempt_at").values_list("group", "key")[:limit])
    return sum(_retry_key(group, key) for group, key in keys)


def backoff(attempts: int) -> timedelta:
    """How long to wait after this many failed attempts."""
    first: timedelta = settings.EVENT_FIRST_RETRY
    return first * (1 << (attempts - 1))


def _retry_key(group: str, key: str) -> int:
    done = 0
    try:
        while done < RETRIES_PER_KEY and _retry_head(group, key):
            done += 1
    except (SoftTimeLimitExceeded, OperationalError, InterfaceError):
        raise
    except Exception:  # a broken row must not keep the other keys from their turn
        log.exception("parked_event_not_retried", group=group, key=key)
    return done


def _retry_head(group: str, key: str) -> bool:
    """Try the oldest parked event of the key; True when it has left the table."""
    with transaction.atomic():
        oldest = _of_key(group, key).order_by("id").values("pk")[:1]
        # One that is being tried is not waited for, as everybody else would wait too; nor is the next taken.
        head = ParkedEvent.objects.filter(pk__in=oldest).select_for_update(skip_locked=True).first()
        if head is None or head.next_attempt_at > timezone.now():
            return False
        if head.attempts >= settings.EVENT_MAX_ATTEMPTS:  # the last one ended whoever made it
            bury(head)
            return True
        _count_attempt(head)
    return _attempt(head)


def _count_attempt(head: ParkedEvent) -> None:
    """Before it is made."""
    head.attempts += 1
    head.error = UNENDED
    head.next_attempt_at = _due_if_unended(head.attempts)
    head.save(update_fields=["attempts", "error", "next_attempt_at"])


def _due_if_unended(attempts: int) -> datetime:
    return timezone.now() + min(backoff(attempts), LONGEST_UNENDED)


def _attempt(head: ParkedEvent) -> bool:
    event = from_row(head)
    with _ids_in_logs(head.group, event), transaction.atomic():
        same = ParkedEvent.objects.filter(pk=head.pk, attempts=head.attempts)
        if not same.select_for_update().exists():
            return False  # somebody has buried it, or tried it, meanwhile
        failure = _try(head.group, event)
        return _done(head) if failure is None else _failed_again(head, failure)


def _done(head: ParkedEvent) -> bool:
    head.delete()
    # It may have been parked while this attempt lasted, and then is due when the next one would have been.
    following = _of_key(head.group, head.key).order_by("id").values("pk")[:1]
    ParkedEvent.objects.filter(pk__in=following, next_attempt_at__gt=timezone.now()).update(
        next_attempt_at=timezone.now()
    )
    return True


def _failed_again(head: ParkedEvent, failure: Failure) -> bool:
    head.error = failure.text
    if not failure.counts:
        head.attempts -= 1
    elif head.attempts >= settings.EVENT_MAX_ATTEMPTS:
        bury(head)
        return True
    head.save(update_fields=["error", "attempts"])
    wait = backoff(head.attempts if failure.counts else 1)
    # What waits behind it is not due before it: the tick would look at all of it each time.
    _of_key(head.group, head.key).update(next_attempt_at=timezone.now() + wait)
    return False


def _of_key(group: str, key: str) -> QuerySet[ParkedEvent]:
    return ParkedEvent.objects.filter(group=group, key=key)


def bury(parked: ParkedEvent) -> DeadLetter:
    """Turn a parked event into the dead letter of its group; another one of the same event is replaced."""
    dead, _ = DeadLetter.objects.update_or_create(
        group=parked.group,
        event_id=parked.event_id,
        defaults=_fields(from_row(parked))
        | {
            "attempts": parked.attempts,
            "error": parked.error,
            "died_at": timezone.now(),
            "published_at": None,
        },
    )
    log.error("event_died", group=parked.group, event_id=str(parked.event_id), error=parked.error)
    BURIED.labels(parked.group).inc()
    parked.delete()
    return dead


def requeue(dead: DeadLetter) -> ParkedEvent:
    """Give a dead letter back to its group, behind what is parked already.

    Raises UnknownEventError when it is, as it was when it came, no event of the catalogue.
    """
    event = event_of(dead)
    with _ids_in_logs(dead.group, event), transaction.atomic():
        try:
            with transaction.atomic():
                _park(dead.group, event, attempts=0, error=dead.error, due=timezone.now())
        except (DataError, ValueError) as error:
            raise UnknownEventError(f"No row can hold it: {error}") from error
        dead.delete()
        log.info("dead_letter_requeued", type=event.type, subject=event.subject)
        return _parked(dead.group, event)


def _try(group: str, event: Event) -> Failure | None:
    """Run the handler, in a savepoint if it has a transaction; what went wrong, None when done."""
    handler = handler_of(group, event.type)
    if handler is None:
        return Failure(f"Group {group!r} has no handler of {event.type!r}.")
    try:
        if runs_without_transaction(group, event.type):
            handler(event)
        else:
            _in_savepoint(handler, event)
    except SoftTimeLimitExceeded:  # the tick's time is up: no fault of the handler's
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


def _in_savepoint(handler: Handler, event: Event) -> None:
    with transaction.atomic():
        _limit_statements()
        handler(event)
        # Foreign keys are checked at commit, which is too late to park the event: ask now.
        connection.check_constraints()


def _limit_statements() -> None:
    """For the rest of the transaction."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config('statement_timeout', %s, true), set_config('lock_timeout', %s, true)",
            [f"{STATEMENT_SECONDS * 1000:.0f}", f"{LOCK_SECONDS * 1000:.0f}"],
        )


def text_of(error: BaseException) -> str:
    """An error as a row can keep it: PostgreSQL has no NUL, nor half of a surrogate pair."""
    text = f"{type(error).__name__}: {error}"[:LONGEST_ERROR].replace("\0", "\\0")
    return text.encode(errors="backslashreplace").decode()


def _ids_in_logs(group: str, event: Event) -> AbstractContextManager[None]:
    """Around the transaction, so that what is queued at its commit takes the ids along to the worker."""
    return structlog.contextvars.bound_contextvars(
        request_id=event.request_id, event_id=str(event.id), group=group
    )


def _park(group: str, event: Event, *, attempts: int, error: str, due: datetime) -> None:
    """Once for each group and event: it may come again."""
    _nothing_parked_until.pop(group, None)
    fields = _fields(event) | {"attempts": attempts, "next_attempt_at": due, "error": error}
    ParkedEvent.objects.bulk_create([ParkedEvent(group=group, **fields)], ignore_conflicts=True)


def _parked(group: str, event: Event) -> ParkedEvent:
    return ParkedEvent.objects.get(group=group, event_id=event.id)


def _fields(event: Event) -> dict[str, object]:
    return {name: getattr(event, "id" if name == "event_id" else name) for name in _EVENT_FIELDS}
