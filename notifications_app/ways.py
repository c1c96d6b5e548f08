"""Where the reminders of users go now: the channels that they have chosen, and the targets of each."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from uuid import UUID

from accounts_app.models import User
from accounts_app.reaching import channels_used
from notifications_app.channels import all_channels
from notifications_app.channels.channel import Target

# A channel's name, and a target of it.
Way = tuple[str, Target]

_COLUMNS = [
    *("id", "timezone", "quiet_from", "quiet_to", "channels", "due_soon_notifications"),
    *("email", "email_confirmed", "email_stopped"),
]


def users_of(ids: Iterable[UUID]) -> dict[UUID, User]:
    """The users with what decides when and where they are reminded."""
    return User.objects.only(*_COLUMNS).in_bulk(set(ids))


def ways_of(users: Collection[User]) -> Mapping[UUID, list[Way]]:
    """The channels and targets of each user, empty if nothing reaches them.

    In a transaction, which keeps the targets.
    """
    found: dict[UUID, dict[str, list[Way]]] = {user.pk: defaultdict(list) for user in users}
    for name, channel in all_channels().items():
        for target in channel.targets(users) if users else ():
            found[target.user_id][channel.choice].append((name, target))
    return {
        user.pk: [
            way
            for choice in channels_used(user.channels, able=found[user.pk].keys())
            for way in found[user.pk][choice]
        ]
        for user in users
    }
