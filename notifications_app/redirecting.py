"""When a user's last target of a channel is gone: send what was on its way there by another channel."""

from datetime import datetime

import structlog
from django.db import transaction
from django.utils import timezone

from notifications_app.hints import hint_after_commit
from notifications_app.models import Delivery, Reminder
from notifications_app.notices import delivery_to
from notifications_app.recipients import recipients
from notifications_app.ways import Way, ways_of
from tasks_app.models import Task

log = structlog.get_logger(__name__)


def reach_otherwise(delivery: Delivery) -> None:
    """Create the same deliveries to the targets of other channels, if this channel has none left.

    A worker that claims one cancels it if it is no longer wanted. If several workers come here with the same
    delivery, the unique key of deliveries keeps all but one from creating them.
    """
    now = timezone.now()
    with transaction.atomic():
        named = list(Delivery.objects.filter(sent_with=delivery))
        _lock_tasks([delivery, *named])
        ways = ways_of(recipients([delivery.user_id]).values()).get(delivery.user_id, [])
        if any(channel == delivery.channel for channel, _ in ways) or _is_delivered(delivery):
            return
        for way in ways:
            _redirect(delivery, named, way, now)


def _lock_tasks(deliveries: list[Delivery]) -> None:
    reminders = [each.reminder_id for each in deliveries if each.reminder_id]
    list(Task.objects.filter(reminders__in=reminders).locked())


def _is_delivered(delivery: Delivery) -> bool:
    return Reminder.objects.filter(deliveries=delivery.pk, state=Reminder.State.DELIVERED).exists()


def _redirect(delivery: Delivery, named: list[Delivery], way: Way, now: datetime) -> None:
    """Create the delivery and those that it names."""
    whole = _same(delivery, way, now, send_at=now)
    if Delivery.objects.filter(event_id=whole.event_id, channel=whole.channel, target=whole.target).exists():
        return
    whole.save(force_insert=True)
    again = [_same(each, way, now, send_at=each.expires_at) for each in named]
    for each in again:
        each.sent_with = whole
    Delivery.objects.bulk_create(again)
    hint_after_commit()
    log.info("delivery_redirected", delivery=delivery.pk, channel=whole.channel)


def _same(delivery: Delivery, way: Way, now: datetime, *, send_at: datetime) -> Delivery:
    """An unsaved delivery of the same to another target."""
    new = delivery_to(
        way,
        user_id=delivery.user_id,
        event_id=delivery.event_id,
        now=now,
        send_at=send_at,
        expires_at=delivery.expires_at,
    )
    new.reminder_id, new.notice, new.due_task_id = delivery.reminder_id, delivery.notice, delivery.due_task_id
    return new
