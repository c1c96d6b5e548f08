"""Parked events: what a group could not handle yet, and what waits behind it, oldest first of each key.

A tick retries them with backoff; after EVENT_MAX_ATTEMPTS an event becomes a dead letter.
Why an attempt is written down before it begins: docs/decisions/0018-what-cannot-be-handled.md.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from time import monotonic

import structlog
from celery.exceptions import SoftTimeLimitExceeded
from django.conf import settings
from django.db import DataError, InterfaceError, OperationalError, connection, transaction
from django.db.models import OuterRef, QuerySet, Subquery
from django.utils import timezone

from database.prepared import prepared_cursor
from database.questions import Question
from events_app import queues
from events_app.catalogue import UnknownEventError
from events_app.dead_letters import event_of
from events_app.envelope import Event, from_row
from events_app.groups import Failure, attempt, ids_in_logs
from events_app.metrics import BURIED
from events_app.models import DeadLetter, EventFields, ParkedEvent

log = structlog.get_logger(__name__)

# What is known of an attempt while it lasts, and of one that ended the process that made it.
UNENDED = "The process that tried it ended before the attempt did."
# When the next attempt follows on one of those, at the latest.
LONGEST_UNENDED = timedelta(minutes=1)
# One user's events must not keep the tick from the others'; the next tick continues with them.
RETRIES_PER_KEY = 100

# Plain SQL: it is asked for each event, and the ORM would take longer than the rest.
_HAS_PARKED = """
    SELECT EXISTS (SELECT 1 FROM parked_events WHERE "group" = %(group)s),
        EXISTS (SELECT 1 FROM parked_events WHERE "group" = %(group)s AND key = ANY(%(keys)s))
"""
_FIRST_OF_KEY = """
    SELECT next_attempt_at FROM parked_events WHERE "group" = %s AND key = %s ORDER BY id LIMIT 1
"""
# Those that were parked behind it during the attempt have the time of the attempt after it.
_DONE = """
    WITH done AS (DELETE FROM parked_events WHERE id = %(id)s)
    UPDATE parked_events SET next_attempt_at = %(now)s
    WHERE next_attempt_at > %(now)s AND id = (
        SELECT id FROM parked_events WHERE "group" = %(group)s AND key = %(key)s AND id <> %(id)s
        ORDER BY id LIMIT 1
    )
"""
# For this long a group that had nothing parked is taken to have nothing, unless this process parks something
# or is given a partition. An operator who gives something back in that time does so out of its order.
_NOTHING_PARKED_SECONDS = 0.1
_nothing_parked_until: dict[str, float] = {}
_EVENT_FIELDS = [*(field.name for field in EventFields._meta.get_fields()), "partition", "offset"]


def backoff(attempts: int) -> timedelta:
    """How long to wait after this many failed attempts."""
    return queues.backoff(attempts, first=settings.EVENT_FIRST_RETRY)


def _longest_wait() -> timedelta:
    return max(backoff(settings.EVENT_MAX_ATTEMPTS), LONGEST_UNENDED)


def of_key(group: str, key: str) -> QuerySet[ParkedEvent]:
    """The group's parked events of this key, the oldest first."""
    return ParkedEvent.objects.filter(group=group, key=key).order_by("id")


def has_parked(group: str, *keys: str) -> bool:
    """Whether something of these keys is parked: known without a question for a moment after nothing was."""
    now = monotonic()
    if now < _nothing_parked_until.get(group, 0):
        return False
    with connection.cursor() as cursor:
        cursor.execute(_HAS_PARKED, {"group": group, "keys": list(keys)})
        group_has, keys_have = cursor.fetchone()
    if not group_has:
        _nothing_parked_until[group] = now + _NOTHING_PARKED_SECONDS
    return bool(keys_have)


def look_again(group: str) -> None:
    """Forget that the group has nothing parked: another process may have parked something meanwhile."""
    _nothing_parked_until.pop(group, None)


def any_parked(group: str, events: Sequence[Event]) -> bool:
    """Whether something of the keys of these events is parked."""
    keys = {event.key for event in events}
    return ParkedEvent.objects.filter(group=group, key__in=keys).exists()


def park(group: str, *events: Event, attempts: int, error: str, due: datetime) -> None:
    """Park them, once for each group and event: they may come again."""
    look_again(group)
    common = {"group": group, "attempts": attempts, "next_attempt_at": due, "error": error}
    rows = [ParkedEvent(**_fields(event), **common) for event in events]
    ParkedEvent.objects.bulk_create(rows, ignore_conflicts=True)


def park_failed(group: str, event: Event, failure: Failure) -> None:
    """Park an event whose first attempt has failed."""
    due = timezone.now() + backoff(1)
    park(group, event, attempts=int(failure.counts), error=failure.text, due=due)


def park_unended(group: str, *events: Event) -> None:
    """Park events whose first attempt is about to begin; `retry` or `retry_together` makes it."""
    park(group, *events, attempts=1, error=UNENDED, due=_due_if_unended(1))


def queue_behind_others(group: str, event: Event) -> bool:
    """Park the event when others of its key are parked; whether it was. Call it in a transaction."""
    with prepared_cursor() as cursor:
        cursor.execute(_FIRST_OF_KEY, [group, event.key])
        first = cursor.fetchone()
    if first:
        park(group, event, attempts=0, error="", due=first[0])
    return first is not None


@Question
def has_due(now: datetime) -> QuerySet[ParkedEvent]:
    """Whether `retry_parked` has something to try again."""
    return _due_heads(now)


def retry_parked(limit: int = 100) -> int:
    """Try again what is due, the oldest of each group and key first. Returns how many left the table."""
    keys = list(_due_heads(timezone.now()).order_by("next_attempt_at").values_list("group", "key")[:limit])
    return sum(_retry_key(group, key) for group, key in keys)


def _due_heads(now: datetime) -> QuerySet[ParkedEvent]:
    of_same_key = ParkedEvent.objects.filter(group=OuterRef("group"), key=OuterRef("key")).order_by("id")
    head = Subquery(of_same_key.values("id")[:1])
    return ParkedEvent.objects.filter(queues.due(now, longest=_longest_wait()), id=head)


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
        oldest = of_key(group, key).values("pk")[:1]
        # One that is being tried is not waited for, as everyone else would wait too; nor is the next taken.
        head = ParkedEvent.objects.filter(pk__in=oldest).select_for_update(skip_locked=True).first()
        if head is None:
            return False
        if not queues.is_due(head.next_attempt_at, timezone.now(), longest=_longest_wait()):
            return False
        if head.attempts >= settings.EVENT_MAX_ATTEMPTS:  # the last one ended its process
            bury(head)
            return True
        attempts = head.attempts + 1
        queues.lease(head, until=_due_if_unended(attempts), attempts=attempts, error=UNENDED)
    return retry(head.group, from_row(head), attempts=attempts)


def _due_if_unended(attempts: int) -> datetime:
    return timezone.now() + min(backoff(attempts), LONGEST_UNENDED)


def retry(group: str, event: Event, *, attempts: int) -> bool:
    """Make the attempt that is written down already; True when the event has left the table."""
    with ids_in_logs(group, event), transaction.atomic():
        same = ParkedEvent.objects.filter(group=group, event_id=event.id, attempts=attempts)
        head = same.select_for_update().first()
        if head is None:
            return False  # it was buried, or tried by another process, meanwhile
        failure = attempt(group, event)
        return _done(head) if failure is None else _failed_again(head, failure)


@transaction.atomic
def retry_together(group: str, events: Sequence[Event]) -> bool:
    """Make the first attempts of events of one type together; whether that is done.

    If not, they leave the table all the same: each is handled by itself then.
    """
    ids = [event.id for event in events]
    same = ParkedEvent.objects.filter(group=group, event_id__in=ids, attempts=1).order_by("id")
    rows = [row.pk for row in same.select_for_update()]
    # One that is missing was tried by another process meanwhile.
    is_done = len(rows) == len(events) and attempt(group, *events) is None
    ParkedEvent.objects.filter(pk__in=rows).delete()
    return is_done


def _done(head: ParkedEvent) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(_DONE, vars(head) | {"now": timezone.now()})
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
    of_key(head.group, head.key).update(next_attempt_at=timezone.now() + wait)
    return False


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
    with ids_in_logs(dead.group, event), transaction.atomic():
        try:
            with transaction.atomic():
                park(dead.group, event, attempts=0, error=dead.error, due=timezone.now())
        except (DataError, ValueError) as error:
            raise UnknownEventError(f"No row can hold it: {error}") from error
        dead.delete()
        log.info("dead_letter_requeued", type=event.type, subject=event.subject)
        return ParkedEvent.objects.get(group=dead.group, event_id=event.id)


def _fields(event: Event) -> dict[str, object]:
    return {name: getattr(event, "id" if name == "event_id" else name) for name in _EVENT_FIELDS}
