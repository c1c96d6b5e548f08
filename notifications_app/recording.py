"""Record what became of deliveries: one transaction and one statement of each kind for many.

To change reminders, deliveries or attempts of a task, lock the task first, as every deletion of a task does;
then the deliveries, by id. This prevents deadlocks.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import sleep
from typing import Any, NamedTuple

import structlog
from django.db import InterfaceError, OperationalError, connection, transaction
from django.utils import timezone

from notifications_app.channels import all_channels
from notifications_app.channels.channel import Outcome, Verdict
from notifications_app.claiming import LEASE, Lease
from notifications_app.endpoints import host_of
from notifications_app.metrics import ATTEMPTS, DELIVERIES, DELIVERY_LATENESS, observe_stages
from notifications_app.models import Delivery, Reminder
from notifications_app.redirecting import reach_otherwise
from notifications_app.retrying import wait_before_retry
from state_store.markers import mark_reminders_sent
from tasks_app import task_writes
from tasks_app.models import Task
from tasks_app.reminding import is_instant_of
from tasks_app.task_writes import Draft

log = structlog.get_logger(__name__)

# While the database is away, or has ended the transaction because of a deadlock.
RECORD_RETRIES_SECONDS = (0.1, 0.5, 1, 2, 4)

_LOCK = """
    SELECT id, state, next_attempt_at,
        (SELECT count(*) FROM delivery_attempts WHERE delivery_id = deliveries.id)
    FROM deliveries WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE
"""
_WRITE = """
    UPDATE deliveries SET state = new.state, next_attempt_at = new.next_attempt_at, sent_at = new.sent_at
    FROM unnest(%s::bigint[], %s::text[], %s::timestamptz[], %s::timestamptz[])
        AS new (id, state, next_attempt_at, sent_at)
    WHERE deliveries.id = new.id
"""
_WRITE_ATTEMPTS = """
    UPDATE delivery_attempts SET status = new.status, error = new.error
    FROM unnest(%s::bigint[], %s::smallint[], %s::text[]) AS new (id, status, error)
    WHERE delivery_attempts.id = new.id
"""
_WRITE_REMINDERS = """
    UPDATE reminders SET state = now.state
    FROM (
        SELECT reminder_id, CASE
            WHEN bool_or(state = 'sent') THEN 'delivered'
            WHEN bool_or(state = 'pending') THEN 'due'
            WHEN bool_and(state = 'cancelled') THEN 'cancelled'
            ELSE 'undelivered'
        END AS state
        FROM deliveries WHERE reminder_id = ANY(%s) GROUP BY reminder_id
    ) AS now
    WHERE reminders.id = now.reminder_id AND reminders.state NOT IN (now.state, 'delivered', 'missed')
"""


_NAMING = {Delivery.Notice.LIST, Delivery.Notice.MISSED}


@dataclass(frozen=True)
class NotTried:
    """Nothing was sent: the delivery is due again after `wait`."""

    wait: timedelta


@dataclass(frozen=True)
class Ended:
    """Nothing was sent, nor will be."""

    state: Delivery.State


class Result(NamedTuple):
    """What became of a delivery under a lease."""

    lease: Lease
    what: Outcome | NotTried | Ended


class _Row(NamedTuple):
    """What is written of a delivery."""

    state: str
    next_attempt_at: datetime
    sent_at: datetime | None = None


def record_all(results: Sequence[Result]) -> None:
    """Record the results. One that cannot be recorded keeps none of the others from it."""
    try:
        _record_patiently(results)
    except (OperationalError, InterfaceError):
        raise
    except Exception:
        if len(results) == 1:  # its lease ends, and it is sent again
            log.exception("delivery_not_recorded", **about(results[0].lease.delivery))
            return
        for result in results:
            record_all([result])


def _record_patiently(results: Sequence[Result]) -> None:
    """Record, also if the database is away for some seconds: what is not recorded is sent again."""
    for wait in RECORD_RETRIES_SECONDS:
        try:
            record(results)
        except (OperationalError, InterfaceError) as error:
            log.warning("deliveries_not_recorded_yet", count=len(results), error=str(error))
            connection.close()
            sleep(wait)
        else:
            return
    record(results)


def record(results: Sequence[Result]) -> None:
    """Record the results, and what follows from them for subscriptions, reminders and tasks."""
    now = timezone.now()
    for result in results:
        _leave_gone(result)
    with transaction.atomic():
        tasks = {task.pk: task for task in Task.objects.filter(pk__in=_task_ids(results)).locked()}
        written = _write_deliveries(results, now)
        _write_attempts(results)
        named = _named_in(results, written)
        if named:
            written |= _write_deliveries(named, now)
        changed = [result for result in [*results, *named] if result.lease.delivery.pk in written]
        _write_reminders(changed)
        _mark_tasks(changed, tasks, now)
    for result in results:
        _report(result, written.get(result.lease.delivery.pk))


def _leave_gone(result: Result) -> None:
    """A target that is gone gets nothing more, and what was on its way there goes elsewhere.

    Before the result is recorded: a worker that is killed in between leaves a delivery that does this again.
    """
    delivery, channel = result.lease.delivery, all_channels()[result.lease.delivery.channel]
    if is_gone := isinstance(result.what, Outcome) and result.what.verdict is Verdict.GONE:
        channel.gone(delivery)
    # Another delivery may have found out first.
    if is_gone or (isinstance(result.what, Ended) and not channel.reaches(delivery)):
        reach_otherwise(delivery)


def _task_ids(results: Iterable[Result]) -> set[int]:
    deliveries = [result.lease.delivery for result in results]
    named = [each for whole in deliveries if whole.notice in _NAMING for each in whole.named.all()]
    reminders = (delivery.reminder for delivery in [*deliveries, *named])
    return {reminder.task_id for reminder in reminders if reminder}


def _named_in(results: Iterable[Result], written: Mapping[int, _Row]) -> list[Result]:
    """The results of what notices name that have ended: theirs, or cancelled if it was no longer wanted."""
    return [
        Result(
            Lease(each, each.next_attempt_at, None),
            Ended(Delivery.State(row.state) if each in whole.wanted else Delivery.State.CANCELLED),
        )
        for result in results
        if (row := written.get((whole := result.lease.delivery).pk)) and whole.notice in _NAMING
        if row.state != Delivery.State.PENDING
        for each in whole.named.all()
    ]


def _write_attempts(results: Sequence[Result]) -> None:
    tried = [
        (lease.attempt_id, what.status, what.error) for lease, what in results if isinstance(what, Outcome)
    ]
    not_tried = [lease.attempt_id for lease, what in results if isinstance(what, NotTried)]
    with connection.cursor() as cursor:
        if tried:
            cursor.execute(_WRITE_ATTEMPTS, _columns(tried))
        if not_tried:
            cursor.execute("DELETE FROM delivery_attempts WHERE id = ANY(%s)", [not_tried])


def _write_deliveries(results: Sequence[Result], now: datetime) -> dict[int, _Row]:
    """Write the deliveries; those that were changed. Others were erased, or belong to another worker now."""
    by_id = {result.lease.delivery.pk: result for result in results}
    with connection.cursor() as cursor:
        cursor.execute(_LOCK, [list(by_id)])
        rows = {
            pk: row
            for pk, state, next_attempt_at, attempts in cursor.fetchall()
            if (row := _row_of(by_id[pk], (state, next_attempt_at), attempts, now))
        }
        if rows:
            cursor.execute(_WRITE, _columns([(pk, *row) for pk, row in rows.items()]))
    return rows


def _row_of(result: Result, current: tuple[str, datetime], attempts: int, now: datetime) -> _Row | None:
    """What to write of the delivery; None if this worker's lease has ended, as the next outcome counts."""
    lease, what = result
    if isinstance(what, Outcome) and what.verdict is Verdict.SENT:
        return _Row(Delivery.State.SENT, current[1], now)
    if current != (Delivery.State.PENDING, lease.ends_at):
        return None
    if isinstance(what, Ended):
        return _Row(what.state, current[1], now if _is_sent(what) else None)
    if isinstance(what, NotTried):
        return _Row(Delivery.State.PENDING, now + what.wait)
    if what.verdict is not Verdict.LATER:
        return _Row(Delivery.State.FAILED, current[1])
    next_at = now + wait_before_retry(what, attempts)
    if next_at >= lease.delivery.expires_at:
        return _Row(Delivery.State.EXPIRED, current[1])
    return _Row(Delivery.State.PENDING, next_at)


def _write_reminders(results: Sequence[Result]) -> None:
    reminders = sorted({pk for result in results if (pk := result.lease.delivery.reminder_id)})
    if reminders:
        with connection.cursor() as cursor:
            cursor.execute(_WRITE_REMINDERS, [reminders])


def _mark_tasks(results: Sequence[Result], tasks: dict[int, Task], now: datetime) -> None:
    """Set `reminder_sent`, unless the reminder was moved while it was sent: the new one has not been sent."""
    sent = {
        reminder.task_id: reminder
        for lease, what in results
        if (reminder := lease.delivery.reminder) and _is_sent(what) and reminder.task_id in tasks
        if reminder.state != Reminder.State.MISSED
    }
    rung = [tasks[pk] for pk, reminder in sent.items() if is_instant_of(tasks[pk], reminder.reminder_at)]
    for task in rung:
        task.reminder_sent = True
    task_writes.write([Draft(task) for task in rung])
    if sent:
        transaction.on_commit(lambda: mark_reminders_sent(sent, at=now), robust=True)


def _is_sent(what: object) -> bool:
    if isinstance(what, Ended):
        return what.state == Delivery.State.SENT
    return isinstance(what, Outcome) and what.verdict is Verdict.SENT


def _report(result: Result, row: _Row | None) -> None:
    """Log and count one result. `row` is what was written, None if nothing was."""
    lease, what = result
    delivery = lease.delivery
    if row and row.state != Delivery.State.PENDING:
        DELIVERIES.labels(delivery.channel, row.state).inc()
    if isinstance(what, Ended):
        log.info("delivery_not_sent", **about(delivery), state=what.state)
    elif isinstance(what, Outcome):
        ATTEMPTS.labels(delivery.channel, str(what.status or "none")).inc()
        write = log.info if _is_sent(what) else log.warning
        write("delivery_attempted", **about(delivery), state=row and str(row.state), status=what.status)
        if row and row.sent_at and (reminder := delivery.reminder):
            rings_at = reminder.quiet_until or reminder.reminder_at
            lateness = row.sent_at - rings_at
            DELIVERY_LATENESS.labels(delivery.channel).observe(lateness.total_seconds())
            claimed_at, taken_at = max(reminder.claimed_at, rings_at), lease.ends_at - LEASE
            observe_stages([rings_at, claimed_at, delivery.created_at, taken_at, row.sent_at])


def about(delivery: Delivery) -> dict[str, object]:
    """What a log line says of a delivery; `task_id` is None for a test notification."""
    return {
        "delivery": delivery.pk,
        "event_id": str(delivery.event_id),
        "task_id": delivery.reminder and delivery.reminder.task_id,
        "user_id": str(delivery.user_id),
        "push_host": host_of(delivery.target),
    }


def _columns(rows: Sequence[Sequence[Any]]) -> list[list[Any]]:
    """Rows as arrays, one for each column."""
    return [list(column) for column in zip(*rows, strict=True)]
