"""Subscribe and unsubscribe browsers.

A deletion locks the subscription, and then its deliveries by id: a deletion updates them all, in any order,
while a worker that records locks many of them by id.
"""

from collections.abc import Collection
from uuid import UUID

import structlog
from django.db import transaction
from django.utils import timezone
from rest_framework.exceptions import ValidationError

from accounts_app.models import User
from notifications_app.models import Delivery, PushSubscription

log = structlog.get_logger(__name__)

# Each reminder goes to all of them. Browsers sometimes renew their endpoints, and push services report the
# old ones (410), so a user's real devices are far fewer.
MAX_PER_USER = 50


def subscribe(
    user_id: UUID, *, endpoint: str, p256dh_key: str, auth_key: str, user_agent: str
) -> tuple[PushSubscription, bool]:
    """Bind the browser to the user, also if another user had it. Returns it, and whether it is new.

    Raises ValidationError (400) if the user has MAX_PER_USER others.
    """
    others = PushSubscription.objects.filter(user=user_id).exclude(endpoint=endpoint)
    if others.count() >= MAX_PER_USER:
        raise ValidationError(f"You have {MAX_PER_USER} subscriptions. Delete one you no longer use.")
    now = timezone.now()
    values = {"user_id": user_id, "p256dh_key": p256dh_key, "auth_key": auth_key, "user_agent": user_agent}
    return PushSubscription.objects.update_or_create(
        endpoint=endpoint,
        defaults=values | {"updated_at": now},
        create_defaults=values | {"created_at": now, "updated_at": now},
    )


def unsubscribe(subscription: PushSubscription) -> None:
    """Delete the subscription. Its pending deliveries are cancelled when they become due."""
    with transaction.atomic():
        if row := PushSubscription.objects.select_for_update().filter(pk=subscription.pk).first():
            _delete([row.pk])


def unsubscribe_all(user: User) -> None:
    """Delete every subscription of the user."""
    with transaction.atomic():
        rows = PushSubscription.objects.filter(user=user).order_by("pk").select_for_update()
        _delete([row.pk for row in rows])


def unsubscribe_gone(subscription: PushSubscription) -> None:
    """Delete a subscription the push service no longer knows, unless the browser has subscribed again."""
    with transaction.atomic():
        row = PushSubscription.objects.select_for_update().filter(pk=subscription.pk).first()
        if row is not None and row.updated_at == subscription.updated_at:
            _delete([row.pk])
            log.info("push_subscription_gone", subscription=subscription.pk, user_id=str(row.user_id))


def _delete(locked: Collection[int]) -> None:
    """Delete subscriptions that this transaction has locked, so that they get no new deliveries."""
    deliveries = Delivery.objects.filter(subscription__in=locked).order_by("pk")
    list(deliveries.select_for_update(no_key=True).values_list("pk"))
    PushSubscription.objects.filter(pk__in=locked).delete()
