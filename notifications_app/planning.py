"""What becomes of a reminder that has come due: sent now, after the user's quiet hours, or missed."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import connection

from accounts_app.models import User
from notifications_app.hints import hint_after_commit
from notifications_app.models import Reminder
from notifications_app.quiet_hours import end_of_quiet_hours
from notifications_app.ways import Way, ways_of
from tasks_app.models import Task

# How long a reminder is useful: for a device that was off overnight, but not for a week.
REMINDER_TTL = timedelta(hours=24)

# One statement with an array for each column: a third of the time of bulk_create().
_INSERT = """
    INSERT INTO deliveries
        (user_id, reminder_id, event_id, channel, target, subscription_id, next_attempt_at, expires_at,
         state, created_at)
    SELECT user_id, reminder_id, event_id, channel, target, subscription_id, %s, %s, 'pending', %s
    FROM unnest(%s::uuid[], %s::bigint[], %s::uuid[], %s::text[], %s::text[], %s::bigint[])
        AS new (user_id, reminder_id, event_id, channel, target, subscription_id)
    ON CONFLICT (event_id, channel, target) DO NOTHING
"""


def settle(reminders: Sequence[Reminder], users: Mapping[UUID, User], *, now: datetime) -> None:
    """Decide the state of reminders that have just been claimed, with their tasks loaded."""
    for reminder in reminders:
        _settle_time(reminder, users[reminder.task.user_id], now)


def _settle_time(reminder: Reminder, user: User, now: datetime) -> None:
    """WAITING, MISSED or DUE, and until when it waits."""
    at, waits_until = reminder.reminder_at, end_of_quiet_hours(user, now)
    if not rings_in_quiet_hours(reminder.task, at):
        reminder.quiet_until = end_of_quiet_hours(user, at)
    if is_missed(reminder, now):
        reminder.state, reminder.waits_until = Reminder.State.MISSED, waits_until or now
    elif waits_until and not rings_in_quiet_hours(reminder.task, at):
        reminder.state, reminder.waits_until = Reminder.State.WAITING, waits_until
        reminder.quiet_until = waits_until


def rings_in_quiet_hours(task: Task, at: datetime) -> bool:
    """Whether a reminder of the task for `at` is not to wait: a snooze is a time that was chosen."""
    return task.rings_in_quiet_hours or at == task.snoozed_until


def is_missed(reminder: Reminder, now: datetime) -> bool:
    """Whether it makes no sense of its own any more. The time counts from the end of quiet hours."""
    return now - (reminder.quiet_until or reminder.reminder_at) > settings.REMINDER_MISSED_AFTER


def plan(reminders: Sequence[Reminder], users: Mapping[UUID, User]) -> Mapping[UUID, list[Way]]:
    """Where the users of the DUE reminders among these are reached. The state of the others is changed.

    In a transaction, which keeps the targets.
    """
    due = [reminder for reminder in reminders if reminder.state == Reminder.State.DUE]
    ways = ways_of([users[pk] for pk in {reminder.task.user_id for reminder in due}])
    for reminder in due:
        if not ways[reminder.task.user_id]:
            reminder.state = state_without_ways(users[reminder.task.user_id])
    return ways


def state_without_ways(user: User) -> Reminder.State:
    """Why there is no delivery."""
    return Reminder.State.NO_DEVICE if user.channels else Reminder.State.NO_CHANNEL


def create_deliveries(
    reminders: Collection[Reminder], ways: Mapping[UUID, Sequence[Way]], *, now: datetime
) -> None:
    """Create what is missing of the deliveries of DUE reminders, and hint to the workers at the commit."""
    rows = [
        (
            reminder.task.user_id,
            reminder.pk,
            reminder.event_id,
            channel,
            target.address,
            target.subscription_id,
        )
        for reminder in reminders
        if reminder.state == Reminder.State.DUE
        for channel, target in ways[reminder.task.user_id]
    ]
    if rows:
        with connection.cursor() as cursor:
            cursor.execute(_INSERT, [now, now + REMINDER_TTL, now, *map(list, zip(*rows, strict=True))])
        hint_after_commit()
