"""What becomes of a reminder that has come due: sent now, after the user's quiet hours, or missed."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

import orjson
from django.conf import settings
from django.db import connection

from accounts_app.models import User
from notifications_app.hints import hint_after_commit
from notifications_app.models import Reminder
from notifications_app.quiet_hours import end_of_quiet_hours
from notifications_app.recipients import Recipient
from notifications_app.ways import Way, ways_of

# How long a reminder is useful: for a device that was off overnight, but not for a week.
REMINDER_TTL = timedelta(hours=24)


class TaskFields(Protocol):
    """What decides, of a task, how its reminders are sent."""

    user_id: UUID
    rings_in_quiet_hours: bool
    snoozed_until: datetime | None


class ReminderFields(Protocol):
    """A reminder, of the model or as the scan has just claimed it."""

    @property
    def pk(self) -> int | None: ...
    @property
    def task(self) -> TaskFields: ...

    reminder_at: datetime
    event_id: UUID
    state: str
    quiet_until: datetime | None
    waits_until: datetime | None


# Plain SQL with one parameter, as in events_app/outbox.py.
_INSERT = """
    INSERT INTO deliveries
        (user_id, reminder_id, event_id, channel, target, subscription_id, next_attempt_at, expires_at,
         state, created_at)
    SELECT user_id, reminder_id, event_id, channel, target, subscription_id, %s, %s, 'pending', %s
    FROM jsonb_to_recordset(%s::jsonb) AS new
        (user_id uuid, reminder_id bigint, event_id uuid, channel text, target text, subscription_id bigint)
    ON CONFLICT (event_id, channel, target) DO NOTHING
"""


def settle(reminders: Sequence[ReminderFields], users: Mapping[UUID, Recipient], *, now: datetime) -> None:
    """Decide the state of reminders that have just been claimed."""
    for reminder in reminders:
        _settle_time(reminder, users[reminder.task.user_id], now)


def _settle_time(reminder: ReminderFields, user: Recipient, now: datetime) -> None:
    """WAITING, MISSED or DUE, and until when it waits."""
    at, waits_until = reminder.reminder_at, end_of_quiet_hours(user, now)
    if not rings_in_quiet_hours(reminder.task, at):
        reminder.quiet_until = end_of_quiet_hours(user, at)
    if is_missed(reminder, now):
        reminder.state, reminder.waits_until = Reminder.State.MISSED, waits_until or now
    elif waits_until and not rings_in_quiet_hours(reminder.task, at):
        reminder.state, reminder.waits_until = Reminder.State.WAITING, waits_until
        reminder.quiet_until = waits_until


def rings_in_quiet_hours(task: TaskFields, at: datetime) -> bool:
    """Whether a reminder of the task for `at` is not to wait: a snooze is a time that was chosen."""
    return task.rings_in_quiet_hours or at == task.snoozed_until


def is_missed(reminder: ReminderFields, now: datetime) -> bool:
    """Whether it makes no sense of its own any more. The time counts from the end of quiet hours."""
    return now - (reminder.quiet_until or reminder.reminder_at) > settings.REMINDER_MISSED_AFTER


def plan(reminders: Sequence[ReminderFields], users: Mapping[UUID, Recipient]) -> Mapping[UUID, list[Way]]:
    """Where the users of the DUE reminders among these are reached. The state of the others is changed.

    In a transaction, which keeps the targets.
    """
    due = [reminder for reminder in reminders if reminder.state == Reminder.State.DUE]
    ways = ways_of([users[pk] for pk in {reminder.task.user_id for reminder in due}])
    for reminder in due:
        if not ways[reminder.task.user_id]:
            reminder.state = state_without_ways(users[reminder.task.user_id])
    return ways


def state_without_ways(user: Recipient | User) -> Reminder.State:
    """Why there is no delivery."""
    return Reminder.State.NO_DEVICE if user.channels else Reminder.State.NO_CHANNEL


def create_deliveries(
    reminders: Collection[ReminderFields], ways: Mapping[UUID, Sequence[Way]], *, now: datetime
) -> None:
    """Create what is missing of the deliveries of DUE reminders, and hint to the workers at the commit."""
    rows = [
        {
            "user_id": reminder.task.user_id,
            "reminder_id": reminder.pk,
            "event_id": reminder.event_id,
            "channel": channel,
            "target": target.address,
            "subscription_id": target.subscription_id,
        }
        for reminder in reminders
        if reminder.state == Reminder.State.DUE
        for channel, target in ways[reminder.task.user_id]
    ]
    if rows:
        with connection.cursor() as cursor:
            cursor.execute(_INSERT, [now, now + REMINDER_TTL, now, orjson.dumps(rows).decode()])
        hint_after_commit()
