"""The actions of a notification: complete the task, or snooze it."""

from notifications_app.action_tokens import Action, Grant, url_of
from notifications_app.models import Reminder

_OF_A_NOTIFICATION = (
    Action.OPEN,
    Action.COMPLETE,
    Action.SNOOZE_10_MINUTES,
    Action.SNOOZE_1_HOUR,
    Action.SNOOZE_TOMORROW,
)


def links(reminder: Reminder) -> dict[str, str]:
    """The absolute links of a notification, valid for a week; each is for one action.

    `open` (a page with a button for each action), `complete`, `snooze_10_minutes`, `snooze_1_hour` and
    `snooze_tomorrow`. Reads the reminder's task.
    """
    grant = Grant.of(reminder)
    return {action.name.lower(): url_of(grant.to(action)) for action in _OF_A_NOTIFICATION}
