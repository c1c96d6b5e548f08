"""Where the reminders of a user go now."""

from accounts_app.models import User
from accounts_app.preferences import Channel
from accounts_app.signals import device_sought


def channels_used(user: User, *, has_device: bool) -> list[Channel]:
    """The chosen channels that reach the user. If none of them does, the other one is used."""
    able = {Channel.PUSH: has_device, Channel.EMAIL: user.email_gets_reminders}
    used = [channel for channel in able if able[channel] and channel in user.channels]
    return used or [channel for channel in able if able[channel] and user.channels]


def is_reachable(user: User) -> bool:
    """Whether any device or address gets the reminders of the user."""
    return bool(user.channels) and (user.email_gets_reminders or _has_device(user))


def _has_device(user: User) -> bool:
    return any(answer for _, answer in device_sought.send(User, user=user))
