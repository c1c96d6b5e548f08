"""Making deliveries: claim, send, record.

A worker claims a delivery in a short transaction by moving `next_attempt_at` forward, as a lease, and writes
down the attempt; it sends outside of any transaction, and records the outcome in a second one. A worker that
dies in between loses its lease, and another one sends: at most one extra notification for each such death,
which has the same Topic and tag and so replaces the first on the device.

Whoever changes reminders, deliveries or attempts of a task locks the task first, as every deletion of a task
does: then nobody waits for somebody who waits.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import uniform
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from uuid_utils.compat import uuid7

from events_app import queues
from notifications_app.channels.channel import Channel, ChannelUnavailableError, Outcome, Verdict
from notifications_app.channels.web_push import WebPush
from notifications_app.metrics import ATTEMPTS, DELIVERIES, DELIVERY_LATENESS
from notifications_app.models import Delivery, DeliveryAttempt, PushSubscription, Reminder
from notifications_app.subscriptions import unsubscribe_gone
from state_store.markers import mark_reminder_sent
from tasks_app.models import Task
from tasks_app.reminding import is_instant_of, still_rings_at

log = structlog.get_logger(__name__)

CHANNELS: dict[str, Channel] = {WebPush.name: WebPush()}

# How long a reminder is worth telling: a device that was off overnight still gets it, not one off for a week.
REMINDER_TTL = timedelta(hours=24)
TEST_TTL = timedelta(minutes=10)
# Above the `deliver` task's own time limit, so that nobody else sends while its worker may still be sending.
LEASE = timedelta(seconds=60)
# 10 s, 20 s, 40 s ... 15 min: short against a hiccup, gentle with a push service that is down.
FIRST_RETRY = timedelta(seconds=10)
LONGEST_RETRY = timedelta(minutes=15)
# A push service may ask for more patience than a reminder has; it is asked again at least this often.
LONGEST_RETRY_AFTER = timedelta(hours=1)
UNAVAILABLE_RETRY = timedelta(minutes=1)
# A message to Celery that has had no effect for so long is taken for lost.
REQUEUE_AFTER = timedelta(seconds=60)


@dataclass(frozen=True)
class Claim:
    """One worker's right to send one delivery until `lease`."""

    delivery: Delivery
    attempt: DeliveryAttempt
    lease: datetime


def new_delivery(
    subscription: PushSubscription, *, event_id: UUID, reminder: Reminder | None, ttl: timedelta
) -> Delivery:
    """An unsaved delivery to the browser, to be queued as soon as it is committed."""
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
    """A delivery that tells of no reminder, to see whether the browser gets it."""
    delivery = new_delivery(subscription, event_id=uuid7(), reminder=None, ttl=TEST_TTL)
    delivery.save(force_insert=True)
    return delivery


def deliver(delivery_id: int) -> None:
    """Make one attempt, if the delivery is due and nobody else is at it."""
    claim = _claim(delivery_id)
    if claim is None:
        return
    try:
        outcome = CHANNELS[claim.delivery.channel].send(claim.delivery)
    except ChannelUnavailableError as error:
        log.error("channel_unavailable", delivery=delivery_id, error=str(error))
        _give_back(claim)
        return
    except Exception as error:  # whatever goes wrong in a channel, the attempt must be recorded and repeated
        log.exception("channel_failed", delivery=delivery_id)
        outcome = Outcome(verdict=Verdict.LATER, error=f"{type(error).__name__}: {error}")
    _record(claim, outcome)


def claim_stalled(limit: int) -> list[int]:
    """The due deliveries no worker was told of lately, oldest first; they count as told now. Their ids."""
    now = timezone.now()
    not_told = Q(queued_at=None) | Q(queued_at__lte=now - REQUEUE_AFTER)
    with transaction.atomic():
        pending = Delivery.objects.filter(not_told, state=Delivery.State.PENDING)
        ids = list(queues.lock_due(pending, now).values_list("pk", flat=True)[:limit])
        Delivery.objects.filter(pk__in=ids).update(queued_at=now)
    return ids


def resend(deliveries: Iterable[Delivery]) -> list[int]:
    """Make the deliveries pending again, with a new TTL, whatever became of them; their ids."""
    now = timezone.now()
    ids = [delivery.pk for delivery in deliveries]
    Delivery.objects.filter(pk__in=ids).update(
        state=Delivery.State.PENDING, next_attempt_at=now, queued_at=now, expires_at=now + REMINDER_TTL
    )
    return ids


def _claim(delivery_id: int) -> Claim | None:
    """Take the delivery for this worker; None when it is not due, another's, or no longer wanted."""
    now = timezone.now()
    with transaction.atomic():
        _lock_task(delivery_id)
        delivery = _lock_due(delivery_id, now)
        if delivery is None:
            return None
        if ended := _end_before_sending(delivery, now):
            _finish(delivery, ended)
            DELIVERIES.labels(delivery.channel, ended).inc()
            log.info("delivery_not_sent", delivery=delivery_id, state=ended)
            return None
        queues.lease(delivery, until=now + LEASE)
        return Claim(delivery, delivery.attempts.create(at=now), delivery.next_attempt_at)


def _lock_task(delivery_id: int) -> Task | None:
    """The task that the delivery tells of; None for a test."""
    return Task.objects.filter(reminders__deliveries=delivery_id).locked().first()


def _lock_due(delivery_id: int, now: datetime) -> Delivery | None:
    return (
        Delivery.objects.select_for_update(of=("self",), no_key=True)
        .select_related("user", "subscription", "reminder__task")
        .filter(pk=delivery_id, state=Delivery.State.PENDING, next_attempt_at__lte=now)
        .first()
    )


def _end_before_sending(delivery: Delivery, now: datetime) -> Delivery.State | None:
    """How the delivery ends without being sent, by what is true now; None when it is to be sent."""
    if delivery.expires_at <= now:
        return Delivery.State.EXPIRED
    subscription = delivery.subscription
    # The browser may have been subscribed by somebody else since.
    if subscription is None or subscription.user_id != delivery.user_id or not delivery.user.is_active:
        return Delivery.State.CANCELLED
    reminder = delivery.reminder
    if reminder is not None and not still_rings_at(reminder.task, reminder.reminder_at, now=now):
        return Delivery.State.CANCELLED
    return None


def _record(claim: Claim, outcome: Outcome) -> None:
    """Write down what came of the attempt, and what follows from it."""
    now = timezone.now()
    with transaction.atomic():
        task = _lock_task(claim.delivery.pk)
        DeliveryAttempt.objects.filter(pk=claim.attempt.pk).update(status=outcome.status, error=outcome.error)
        delivery = Delivery.objects.select_for_update(no_key=True).filter(pk=claim.delivery.pk).first()
        if delivery is None:  # its task or user was erased meanwhile
            return
        _follow(delivery, outcome, claim, now)
        if task is not None and outcome.verdict is Verdict.SENT:
            _tell_sent(task, claim)
    _count(delivery, claim, outcome)
    log.info("delivery_attempted", delivery=delivery.pk, state=delivery.state, status=outcome.status)
    if outcome.verdict is Verdict.GONE and claim.delivery.subscription:
        unsubscribe_gone(claim.delivery.subscription)


def _count(delivery: Delivery, claim: Claim, outcome: Outcome) -> None:
    ATTEMPTS.labels(delivery.channel, str(outcome.status or "none")).inc()
    if delivery.state != Delivery.State.PENDING:
        DELIVERIES.labels(delivery.channel, delivery.state).inc()
    reminder = claim.delivery.reminder
    if reminder and delivery.sent_at and outcome.verdict is Verdict.SENT:
        lateness = delivery.sent_at - reminder.reminder_at
        DELIVERY_LATENESS.labels(delivery.channel).observe(lateness.total_seconds())


def _follow(delivery: Delivery, outcome: Outcome, claim: Claim, now: datetime) -> None:
    if outcome.verdict is Verdict.SENT:
        delivery.sent_at = now
        _finish(delivery, Delivery.State.SENT)
    elif delivery.state != Delivery.State.PENDING or delivery.next_attempt_at != claim.lease:
        return  # this worker's lease ran out, and what another one finds counts
    elif outcome.verdict is not Verdict.LATER:
        _finish(delivery, Delivery.State.FAILED)
    else:
        _retry(delivery, outcome, now)


def _retry(delivery: Delivery, outcome: Outcome, now: datetime) -> None:
    next_at = now + (_patience(outcome) or _backoff(delivery.attempts.count()))
    if next_at >= delivery.expires_at:
        _finish(delivery, Delivery.State.EXPIRED)
        return
    delivery.next_attempt_at = next_at
    delivery.queued_at = None
    delivery.save(update_fields=["next_attempt_at", "queued_at"])


def _patience(outcome: Outcome) -> timedelta | None:
    """What the service asked for, within our bounds."""
    if outcome.retry_after is None:
        return None
    return min(max(outcome.retry_after, FIRST_RETRY), LONGEST_RETRY_AFTER)


def _backoff(attempts: int) -> timedelta:
    """How long to wait after this many attempts: doubled each time, half of it left to chance."""
    wait = queues.backoff(attempts, first=FIRST_RETRY, longest=LONGEST_RETRY)
    return wait * uniform(0.5, 1)  # noqa: S311 - no secret


def _finish(delivery: Delivery, state: Delivery.State) -> None:
    """End the delivery, and its reminder when this was the last one."""
    delivery.state = state
    delivery.save(update_fields=["state", "sent_at"])
    if delivery.reminder_id is not None:
        _settle_reminder(delivery.reminder_id)


def _settle_reminder(reminder_id: int) -> None:
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


def _tell_sent(task: Task, claim: Claim) -> None:
    """`reminder_sent`, unless the reminder was moved while it was being sent: the new one has not rung."""
    assert claim.delivery.reminder
    if is_instant_of(task, claim.delivery.reminder.reminder_at):
        task.reminder_sent = True
        task.save()
    at = timezone.now()
    transaction.on_commit(lambda: mark_reminder_sent(task.pk, at=at), robust=True)


def _give_back(claim: Claim) -> None:
    """Undo the claim: nothing was tried."""
    claim.attempt.delete()
    mine = Delivery.objects.filter(pk=claim.delivery.pk, next_attempt_at=claim.lease)
    mine.update(next_attempt_at=timezone.now() + UNAVAILABLE_RETRY, queued_at=None)
