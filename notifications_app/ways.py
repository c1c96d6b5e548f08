"""Where the reminders of users go now: the channels that they have chosen, and the targets of each."""

from collections.abc import Collection, Mapping
from uuid import UUID

from accounts_app.models import User
from accounts_app.reaching import channels_used
from notifications_app.channels import all_channels
from notifications_app.channels.channel import Target
from notifications_app.recipients import Recipient

# A channel's name, and a target of it.
Way = tuple[str, Target]


def ways_of(users: Collection[Recipient | User]) -> Mapping[UUID, list[Way]]:
    """The channels and targets of each user, empty if nothing reaches them.

    In a transaction, which keeps the targets.
    """
    found: dict[UUID, dict[str, list[Way]]] = {}
    for name, channel in all_channels().items():
        for target in channel.targets(users) if users else ():
            found.setdefault(target.user_id, {}).setdefault(channel.choice, []).append((name, target))
    return {user.id: _of_the_chosen(user.channels, found.get(user.id, {})) for user in users}


def _of_the_chosen(channels: Collection[str], found: Mapping[str, list[Way]]) -> list[Way]:
    return [way for choice in channels_used(channels, able=found) for way in found[choice]]
