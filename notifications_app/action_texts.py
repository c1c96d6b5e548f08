"""What a link of a notification did, or why it did nothing, in words for its user."""

from datetime import datetime

from notifications_app.action_situations import Outcome, Situation
from notifications_app.action_tokens import Action
from notifications_app.local_words import local_words
from notifications_app.models import ReminderAction

LABELS = {
    Action.COMPLETE: "Complete",
    Action.SNOOZE_10_MINUTES: "Snooze for 10 minutes",
    Action.SNOOZE_1_HOUR: "Snooze for 1 hour",
    Action.SNOOZE_TOMORROW: "Snooze until tomorrow morning",
}
_TEXTS = {
    "ready": "",
    Outcome.COMPLETED: "This task was already completed.",
    Outcome.DELETED: "This task was deleted.",
    Outcome.ARCHIVED: "This task was archived.",
    Outcome.MOVED: "The time of this reminder was changed.",
    Outcome.CLOSED: "This account was closed.",
    "changed": "The task was changed since then.",
}
_NOTHING = "Nothing was changed."


def message_of(found: Situation) -> str:
    """What was done, or why not, in one or two sentences; empty if the action is still to be done."""
    if found.outcome == "undone":
        return _undone(found)
    if found.record and found.outcome == Outcome.DONE:
        return _done(found, found.record)
    return f"{text} {_NOTHING}" if (text := _TEXTS[found.outcome]) else ""


def _done(found: Situation, record: ReminderAction) -> str:
    if record.snoozed_until is not None:
        done = f"Snoozed until {_local(found, record.snoozed_until)}."
    else:
        done = "Completed." if found.changed else f"Completed on {_local(found, record.at)}."
    return done if found.changed else f"{done} Using the link again changes nothing."


def _undone(found: Situation) -> str:
    what = "The task is open again." if found.action is Action.COMPLETE else "The snooze has ended."
    if found.changed:
        return what
    record = found.record
    undone_at = f" on {_local(found, record.undone_at)}" if record and record.undone_at else ""
    return f"This was undone{undone_at}. {_NOTHING}"


def _local(found: Situation, at: datetime) -> str:
    """In the zone of the user."""
    return local_words(at, found.user.timezone if found.user else "UTC")
