"""What accounts_app asks about the devices of a user, and what it says of them."""

from typing import Any

from django.dispatch import receiver

from accounts_app.models import User
from accounts_app.signals import device_sought, devices_ended, quiet_hours_changed
from notifications_app.models import PushSubscription
from notifications_app.releasing import look_again
from notifications_app.subscriptions import unsubscribe_all


@receiver(devices_ended)
def forget_browsers(user: User, **_: Any) -> None:
    """The account was closed, or recovered by its owner."""
    unsubscribe_all(user)


@receiver(quiet_hours_changed)
def wait_anew(user: User, **_: Any) -> None:
    """The tick that releases reminders decides again how long they wait."""
    look_again(user)


@receiver(device_sought)
def has_browser(user: User, **_: Any) -> bool:
    return PushSubscription.objects.filter(user=user).exists()
