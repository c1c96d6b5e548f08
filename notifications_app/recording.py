"""Record the results of many deliveries: one transaction, and one statement of each kind.

To change reminders, deliveries or attempts of a task, lock the task first, as every deletion of a task does;
then the deliveries, by id. This prevents deadlocks.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from time import sleep
from typing import Any

import structlog
from django.db import InterfaceError, OperationalError, connection, transaction
from django.utils import timezone

from notifications_app.channels import all_channels
from notifications_app.channels.channel import AttemptOutcome, Verdict
from notifications_app.claiming import Lease
from notifications_app.models import Delivery, Reminder
from notifications_app.redirecting import reach_otherwise
from notifications_app.reporting import about, report
from notifications_app.results import Ended, NotTried, Result, Row
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
# Of the notices, these name reminders.
_NAMING = {Delivery.Notice.LIST, Delivery.Notice.MISSED}


def record_all(results: Sequence[Result]) -> None:
    """Record the results, each by itself if they cannot be recorded together."""
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
    report(results, written)


def _leave_gone(result: Result) -> None:
    """Send nothing more to a target that is gone, and send elsewhere what was on its way there.

    This comes before the result is recorded: if the worker is killed in between, the next one does it again.
    """
    delivery, channel = result.lease.delivery, all_channels()[result.lease.delivery.channel]
    if is_gone := isinstance(result.what, AttemptOutcome) and result.what.verdict is Verdict.GONE:
        channel.gone(delivery)
    # Another delivery may have found out first.
    if is_gone or (isinstance(result.what, Ended) and not channel.reaches(delivery)):
        reach_otherwise(delivery)


def _task_ids(results: Iterable[Result]) -> set[int]:
    deliveries = [result.lease.delivery for result in results]
    named = [each for whole in deliveries if whole.notice in _NAMING for each in whole.named.all()]
    reminders = (delivery.reminder for delivery in [*deliveries, *named])
    return {reminder.task_id for reminder in reminders if reminder}


def _named_in(results: Iterable[Result], written: Mapping[int, Row]) -> list[Result]:
    """The results of what ended notices name: the state of the notice, or cancelled if it was not wanted."""
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
        (lease.attempt_id, what.status, what.error)
        for lease, what in results
        if isinstance(what, AttemptOutcome)
    ]
    not_tried = [lease.attempt_id for lease, what in results if isinstance(what, NotTried)]
    with connection.cursor() as cursor:
        if tried:
            cursor.execute(_WRITE_ATTEMPTS, _columns(tried))
        if not_tried:
            cursor.execute("DELETE FROM delivery_attempts WHERE id = ANY(%s)", [not_tried])


def _write_deliveries(results: Sequence[Result], now: datetime) -> dict[int, Row]:
    """Write the deliveries; returns those that were changed. Others are gone, or of another worker now."""
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


def _row_of(result: Result, current: tuple[str, datetime], attempts: int, now: datetime) -> Row | None:
    """What to write of the delivery; None if this worker's lease has ended, as the next outcome counts."""
    lease, what = result
    if isinstance(what, AttemptOutcome) and what.verdict is Verdict.SENT:
        return Row(Delivery.State.SENT, current[1], now)
    if current != (Delivery.State.PENDING, lease.ends_at):
        return None
    if isinstance(what, Ended):
        return Row(what.state, current[1], now if result.is_sent else None)
    if isinstance(what, NotTried):
        return Row(Delivery.State.PENDING, now + what.wait)
    if what.verdict is not Verdict.LATER:
        return Row(Delivery.State.FAILED, current[1])
    next_at = now + wait_before_retry(what, attempts)
    if next_at >= lease.delivery.expires_at:
        return Row(Delivery.State.EXPIRED, current[1])
    return Row(Delivery.State.PENDING, next_at)


def _write_reminders(results: Sequence[Result]) -> None:
    reminders = sorted({pk for result in results if (pk := result.lease.delivery.reminder_id)})
    if reminders:
        with connection.cursor() as cursor:
            cursor.execute(_WRITE_REMINDERS, [reminders])


def _mark_tasks(results: Sequence[Result], tasks: dict[int, Task], now: datetime) -> None:
    """Set `reminder_sent`, unless the reminder was moved while it was sent: the new one has not been sent."""
    sent = {
        reminder.task_id: reminder
        for result in results
        if (reminder := result.lease.delivery.reminder) and result.is_sent and reminder.task_id in tasks
        if reminder.state != Reminder.State.MISSED
    }
    rung = [tasks[pk] for pk, reminder in sent.items() if is_instant_of(tasks[pk], reminder.reminder_at)]
    for task in rung:
        task.reminder_sent = True
    task_writes.write([Draft(task) for task in rung])
    if sent:
        transaction.on_commit(lambda: mark_reminders_sent(sent, at=now), robust=True)


def _columns(rows: Sequence[Sequence[Any]]) -> list[list[Any]]:
    """Rows as arrays, one for each column."""
    return [list(column) for column in zip(*rows, strict=True)]
