"""Notices: one delivery for several reminders, to each target of their user.

The delivery of each reminder points to the notice that names it (`sent_with`). It is never sent itself, and
gets the state that the notice gets (notifications_app/recording.py).
"""

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from uuid import UUID

from uuid_utils.compat import uuid7

from notifications_app.hints import hint_after_commit
from notifications_app.models import Delivery, Reminder
from notifications_app.planning import REMINDER_TTL
from notifications_app.ways import Way


def create_notice(
    user_id: UUID,
    notice: Delivery.Notice,
    reminders: Sequence[Reminder],
    ways: Sequence[Way],
    *,
    now: datetime,
) -> None:
    """Create the notice of these reminders, whose tasks are locked, and hint to the workers at the commit."""
    event_id, expires_at = uuid7(), now + REMINDER_TTL
    for way in ways:
        to_way = partial(delivery_to, way, user_id=user_id, now=now, expires_at=expires_at)
        whole = to_way(event_id=event_id, send_at=now)
        whole.notice = notice
        whole.save(force_insert=True)
        # Not due before the notice has ended.
        named = [(to_way(event_id=each.event_id, send_at=expires_at), each) for each in reminders]
        for delivery, reminder in named:
            delivery.reminder, delivery.sent_with = reminder, whole
        Delivery.objects.bulk_create(delivery for delivery, _ in named)
        hint_after_commit()


def delivery_to(
    way: Way, *, user_id: UUID, event_id: UUID, now: datetime, send_at: datetime, expires_at: datetime
) -> Delivery:
    """An unsaved delivery."""
    channel, target = way
    return Delivery(
        user_id=user_id,
        event_id=event_id,
        channel=channel,
        target=target.address,
        subscription_id=target.subscription_id,
        next_attempt_at=send_at,
        expires_at=expires_at,
        created_at=now,
    )
