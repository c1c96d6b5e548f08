"""Make deliveries: lease, send, record.

In a short transaction a worker leases a delivery, by moving `next_attempt_at` forward, and records the
attempt. It sends outside any transaction, and records the outcome in a second one. If a worker dies in
between, its lease ends and another worker sends: at most one more notification for each such death, with the
same Topic and tag, so that it replaces the first on the device.

To change reminders, deliveries or attempts of a task, lock the task first, as every deletion of a task does.
This prevents deadlocks.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import uniform
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from uuid_utils.compat import uuid7

from events_app import queues
from notifications_app.channels.channel import Channel, ChannelUnavailableError, Outcome, Verdict
from notifications_app.channels.web_push import WebPush
from notifications_app.endpoints import host_of
from notifications_app.metrics import ATTEMPTS, DELIVERIES, DELIVERY_LATENESS
from notifications_app.models import Delivery, DeliveryAttempt, PushSubscription, Reminder
from notifications_app.subscriptions import unsubscribe_gone
from state_store.markers import mark_reminder_sent
from tasks_app.models import Task
from tasks_app.reminding import is_instant_of, still_rings_at

log = structlog.get_logger(__name__)

CHANNELS: dict[str, Channel] = {WebPush.name: WebPush()}

# How long a reminder is useful: for a device that was off overnight, but not for a week.
REMINDER_TTL = timedelta(hours=24)
TEST_TTL = timedelta(minutes=10)
# Above the time limit of the task `deliver`, so that no other worker sends while the first may still send.
LEASE = timedelta(seconds=60)
# 10 s, 20 s, 40 s ... 15 min: short for a brief failure, long for a push service that is down.
FIRST_RETRY = timedelta(seconds=10)
LONGEST_RETRY = timedelta(minutes=15)
# A push service may ask for a longer wait than a reminder is useful; it is tried again at least this often.
LONGEST_RETRY_AFTER = timedelta(hours=1)
UNAVAILABLE_RETRY = timedelta(minutes=1)
LONGEST_WAIT = max(LONGEST_RETRY, LONGEST_RETRY_AFTER, UNAVAILABLE_RETRY, LEASE)
# A message to Celery without an effect for this long counts as lost.
REQUEUE_AFTER = timedelta(seconds=60)


@dataclass(frozen=True)
class Lease:
    """One worker's right to send one delivery until `ends_at`."""

    delivery: Delivery
    attempt: DeliveryAttempt
    ends_at: datetime


def new_delivery(
    subscription: PushSubscription, *, event_id: UUID, reminder: Reminder | None, ttl: timedelta
) -> Delivery:
    """An unsaved delivery to the browser. The caller queues it after the commit."""
    now = timezone.now()
    return Delivery(
        user_id=subscription.user_id,
        reminder=reminder,
        event_id=event_id,
        channel=WebPush.name,
        target=subscription.endpoint,
        subscription=subscription,
        next_attempt_at=now,
        queued_at=now,
        expires_at=now + ttl,
        created_at=now,
    )


def create_test_delivery(subscription: PushSubscription) -> Delivery:
    """Create a delivery without a reminder, which tests whether the browser gets notifications."""
    delivery = new_delivery(subscription, event_id=uuid7(), reminder=None, ttl=TEST_TTL)
    delivery.save(force_insert=True)
    return delivery


def deliver(delivery_id: int) -> None:
    """Make one attempt, if the delivery is due and no other worker has a lease."""
    lease = lease_delivery(delivery_id)
    if lease is None:
        return
    try:
        outcome = CHANNELS[lease.delivery.channel].send(lease.delivery)
    except ChannelUnavailableError as error:
        log.error("channel_unavailable", **_about(lease.delivery), error=str(error))
        _give_back(lease)
        return
    except Exception as error:  # any failure of a channel is recorded, and tried again
        log.exception("channel_failed", **_about(lease.delivery))
        outcome = Outcome(verdict=Verdict.LATER, error=f"{type(error).__name__}: {error}")
    record_outcome(lease, outcome)


def has_stalled() -> bool:
    """Whether `take_stalled` has something to take."""
    now = timezone.now()
    return _not_queued(now).filter(queues.due(now, longest=LONGEST_WAIT)).exists()


def take_stalled(limit: int) -> list[int]:
    """Mark due deliveries as queued if they are not, or were long ago. Returns their ids, oldest first."""
    now = timezone.now()
    with transaction.atomic():
        ids = list(
            queues.lock_due(_not_queued(now), now, longest=LONGEST_WAIT).values_list("pk", flat=True)[:limit]
        )
        Delivery.objects.filter(pk__in=ids).update(queued_at=now)
    return ids


def _not_queued(now: datetime) -> QuerySet[Delivery]:
    not_queued = Q(queued_at=None) | queues.passed(now, wait=REQUEUE_AFTER, field="queued_at")
    return Delivery.objects.filter(not_queued, state=Delivery.State.PENDING)


def resend(deliveries: Iterable[Delivery]) -> list[int]:
    """Make the deliveries pending again in any state, with a new TTL. Returns their ids."""
    now = timezone.now()
    ids = [delivery.pk for delivery in deliveries]
    Delivery.objects.filter(pk__in=ids).update(
        state=Delivery.State.PENDING, next_attempt_at=now, queued_at=now, expires_at=now + REMINDER_TTL
    )
    return ids


def lease_delivery(delivery_id: int) -> Lease | None:
    """Lease the delivery; None if it is not due, leased by another worker, or no longer wanted."""
    now = timezone.now()
    with transaction.atomic():
        _lock_task(delivery_id)
        delivery = _lock_due(delivery_id, now)
        if delivery is None:
            return None
        if ended := _end_before_sending(delivery, now):
            _finish(delivery, ended)
            DELIVERIES.labels(delivery.channel, ended).inc()
            log.info("delivery_not_sent", **_about(delivery), state=ended)
            return None
        queues.lease(delivery, until=now + LEASE)
        return Lease(delivery, delivery.attempts.create(at=now), delivery.next_attempt_at)


def _lock_task(delivery_id: int) -> Task | None:
    """Lock the task of the delivery's reminder; None for a test."""
    return Task.objects.filter(reminders__deliveries=delivery_id).locked().first()


def _lock_due(delivery_id: int, now: datetime) -> Delivery | None:
    return (
        Delivery.objects.select_for_update(of=("self",), no_key=True)
        .select_related("user", "subscription", "reminder__task")
        .filter(queues.due(now, longest=LONGEST_WAIT), pk=delivery_id, state=Delivery.State.PENDING)
        .first()
    )


def _end_before_sending(delivery: Delivery, now: datetime) -> Delivery.State | None:
    """The state of a delivery that must not be sent any longer; None if it must be sent."""
    if delivery.expires_at <= now:
        return Delivery.State.EXPIRED
    subscription = delivery.subscription
    # Another user may have subscribed with the same browser since.
    if subscription is None or subscription.user_id != delivery.user_id or not delivery.user.is_active:
        return Delivery.State.CANCELLED
    reminder = delivery.reminder
    if reminder is not None and not still_rings_at(reminder.task, reminder.reminder_at, now=now):
        return Delivery.State.CANCELLED
    return None


def record_outcome(lease: Lease, outcome: Outcome) -> None:
    """Record the outcome of the attempt and its consequences."""
    now = timezone.now()
    with transaction.atomic():
        task = _lock_task(lease.delivery.pk)
        DeliveryAttempt.objects.filter(pk=lease.attempt.pk).update(status=outcome.status, error=outcome.error)
        delivery = Delivery.objects.select_for_update(no_key=True).filter(pk=lease.delivery.pk).first()
        if delivery is None:  # its task or user was erased in the meantime
            return
        _apply(outcome, delivery, lease, now)
        if task is not None and outcome.verdict is Verdict.SENT:
            _mark_sent(task, lease)
    _count(delivery, lease, outcome)
    write = log.info if outcome.verdict is Verdict.SENT else log.warning
    write("delivery_attempted", **_about(lease.delivery), state=delivery.state, status=outcome.status)
    if outcome.verdict is Verdict.GONE and lease.delivery.subscription:
        unsubscribe_gone(lease.delivery.subscription)


def _about(delivery: Delivery) -> dict[str, object]:
    """What a log line says of a delivery; `task_id` is None for a test notification."""
    return {
        "delivery": delivery.pk,
        "task_id": delivery.reminder and delivery.reminder.task_id,
        "user_id": str(delivery.user_id),
        "push_host": host_of(delivery.target),
    }


def _count(delivery: Delivery, lease: Lease, outcome: Outcome) -> None:
    ATTEMPTS.labels(delivery.channel, str(outcome.status or "none")).inc()
    if delivery.state != Delivery.State.PENDING:
        DELIVERIES.labels(delivery.channel, delivery.state).inc()
    reminder = lease.delivery.reminder
    if reminder and delivery.sent_at and outcome.verdict is Verdict.SENT:
        lateness = delivery.sent_at - reminder.reminder_at
        DELIVERY_LATENESS.labels(delivery.channel).observe(lateness.total_seconds())


def _apply(outcome: Outcome, delivery: Delivery, lease: Lease, now: datetime) -> None:
    if outcome.verdict is Verdict.SENT:
        delivery.sent_at = now
        _finish(delivery, Delivery.State.SENT)
    elif delivery.state != Delivery.State.PENDING or delivery.next_attempt_at != lease.ends_at:
        return  # this worker's lease has ended; the outcome of the next worker counts
    elif outcome.verdict is not Verdict.LATER:
        _finish(delivery, Delivery.State.FAILED)
    else:
        _retry(delivery, outcome, now)


def _retry(delivery: Delivery, outcome: Outcome, now: datetime) -> None:
    next_at = now + (_requested_wait(outcome) or _backoff(delivery.attempts.count()))
    if next_at >= delivery.expires_at:
        _finish(delivery, Delivery.State.EXPIRED)
        return
    delivery.next_attempt_at = next_at
    delivery.queued_at = None
    delivery.save(update_fields=["next_attempt_at", "queued_at"])


def _requested_wait(outcome: Outcome) -> timedelta | None:
    """The wait that the push service asked for, within our bounds."""
    if outcome.retry_after is None:
        return None
    return min(max(outcome.retry_after, FIRST_RETRY), LONGEST_RETRY_AFTER)


def _backoff(attempts: int) -> timedelta:
    """The time to wait after this many attempts: doubled each time, half of it random."""
    wait = queues.backoff(attempts, first=FIRST_RETRY, longest=LONGEST_RETRY)
    return wait * uniform(0.5, 1)  # noqa: S311 - no secret


def _finish(delivery: Delivery, state: Delivery.State) -> None:
    """End the delivery and update the state of its reminder."""
    delivery.state = state
    delivery.save(update_fields=["state", "sent_at"])
    if delivery.reminder_id is not None:
        _update_reminder(delivery.reminder_id)


def _update_reminder(reminder_id: int) -> None:
    reminder = Reminder.objects.get(pk=reminder_id)
    states = set(reminder.deliveries.values_list("state", flat=True))
    if reminder.state != Reminder.State.DELIVERED:
        reminder.state = _reminder_state(states)
        reminder.save(update_fields=["state"])


def _reminder_state(states: set[str]) -> Reminder.State:
    if Delivery.State.SENT in states:
        return Reminder.State.DELIVERED
    if Delivery.State.PENDING in states:
        return Reminder.State.DUE
    return Reminder.State.CANCELLED if states == {Delivery.State.CANCELLED} else Reminder.State.UNDELIVERED


def _mark_sent(task: Task, lease: Lease) -> None:
    """Set `reminder_sent`, unless the reminder was moved while it was sent: the new one has not been sent."""
    assert lease.delivery.reminder
    if is_instant_of(task, lease.delivery.reminder.reminder_at):
        task.reminder_sent = True
        task.save()
    at = timezone.now()
    transaction.on_commit(lambda: mark_reminder_sent(task.pk, at=at), robust=True)


def _give_back(lease: Lease) -> None:
    """Undo the lease, since nothing was tried."""
    lease.attempt.delete()
    leased = Delivery.objects.filter(pk=lease.delivery.pk, next_attempt_at=lease.ends_at)
    leased.update(next_attempt_at=timezone.now() + UNAVAILABLE_RETRY, queued_at=None)
