"""Deletes a user's push subscriptions when the account is closed, or recovered by its owner."""

from typing import Any

from django.dispatch import receiver

from accounts_app.models import User
from accounts_app.signals import devices_ended
from notifications_app.subscriptions import unsubscribe_all


@receiver(devices_ended)
def forget_browsers(user: User, **_: Any) -> None:
    unsubscribe_all(user)
