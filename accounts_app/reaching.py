"""Where the reminders of a user go now."""

from collections.abc import Collection

from accounts_app.models import User
from accounts_app.signals import device_sought


def channels_used(chosen: Collection[str], *, able: Collection[str]) -> list[str]:
    """Of the channels `able` to reach a user the chosen ones; all of them if none of the chosen is able.

    None if none is chosen.
    """
    used = [channel for channel in chosen if channel in able]
    return used or (list(able) if chosen else [])


def is_reachable(user: User) -> bool:
    """Whether any device or address gets the reminders of the user."""
    return bool(user.channels) and (user.email_gets_reminders or _has_device(user))


def _has_device(user: User) -> bool:
    return any(answer for _, answer in device_sought.send(User, user=user))
