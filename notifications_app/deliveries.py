"""Deliveries that a person asks for: a test, or to send some again."""

from collections.abc import Iterable
from datetime import timedelta

from django.db import transaction
from django.utils import timezone
from uuid_utils.compat import uuid7

from notifications_app.channels.web_push import WebPush
from notifications_app.hints import hint_after_commit
from notifications_app.models import Delivery, PushSubscription
from notifications_app.planning import REMINDER_TTL

TEST_TTL = timedelta(minutes=10)


def create_test_delivery(subscription: PushSubscription) -> Delivery:
    """Create a delivery without a reminder, which tests whether the browser gets notifications.

    No worker gets a hint: the caller sends it.
    """
    now = timezone.now()
    delivery = Delivery(
        user_id=subscription.user_id,
        event_id=uuid7(),
        channel=WebPush.name,
        target=subscription.endpoint,
        subscription=subscription,
        next_attempt_at=now,
        expires_at=now + TEST_TTL,
        created_at=now,
    )
    delivery.save(force_insert=True)
    return delivery


@transaction.atomic
def resend(deliveries: Iterable[Delivery]) -> int:
    """Make the deliveries pending again in any state, with a new TTL. Returns how many there were.

    A notice is sent again with all that it names and that is still wanted.
    """
    now = timezone.now()
    expires_at = now + REMINDER_TTL
    chosen = Delivery.objects.filter(pk__in=[delivery.pk for delivery in deliveries])
    locked = list(chosen.order_by("pk").select_for_update(no_key=True).values_list("pk", flat=True))
    again = {"state": Delivery.State.PENDING, "expires_at": expires_at}
    Delivery.objects.filter(sent_with__in=locked).update(**again, next_attempt_at=expires_at)
    hint_after_commit()
    return Delivery.objects.filter(pk__in=locked).update(**again, next_attempt_at=now)
