"""The end of quiet hours: send what waited, several reminders of a user as one notice. So are missed ones.

Each batch is one transaction. It locks the users first and then their tasks, so that several calls at once
create one notice. Reminders whose task was completed or moved meanwhile are not sent.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import Min, QuerySet
from django.utils import timezone

from accounts_app.models import User
from database.questions import Question
from events_app import queues
from notifications_app.models import Delivery, Reminder
from notifications_app.notices import create_notice
from notifications_app.planning import (
    create_deliveries,
    is_missed,
    rings_in_quiet_hours,
    state_without_ways,
)
from notifications_app.quiet_hours import end_of_quiet_hours
from notifications_app.ways import Way, ways_of
from tasks_app.models import Task
from tasks_app.reminding import still_rings_at

log = structlog.get_logger(__name__)

State = Reminder.State
# Quiet hours last for less than a day, which may have 25 hours, and a gap may join those of two days.
LONGEST_WAIT = timedelta(hours=50)
# Keeps one call far below a tick's time limit; the next tick goes on.
BATCHES_PER_CALL = 10


@Question
def has_due(now: datetime) -> QuerySet[Reminder]:
    """Whether reminders have waited long enough."""
    return _due(now)


def release_reminders(limit: int = 200) -> int:
    """Release what has waited long enough, `limit` users to a batch. Returns the number of reminders."""
    released = 0
    seen: list[UUID] = []
    for _ in range(BATCHES_PER_CALL):
        users, reminders = _release_batch(limit, timezone.now(), seen)
        seen += users
        released += reminders
        if not users:
            break
    return released


def look_again(user: User) -> None:
    """Have the next release look at what waits for this user. It may wait again, if quiet hours go on."""
    look_again_at(Reminder.objects.filter(task__user=user, waits_until__isnull=False))


@transaction.atomic
def look_again_at(waiting: QuerySet[Reminder]) -> None:
    """The same for these reminders, which wait."""
    if waiting.exists():
        list(Task.objects.filter(reminders__in=waiting).locked().values_list("pk"))
        waiting.update(waits_until=timezone.now())


@transaction.atomic
def _release_batch(limit: int, now: datetime, seen: Sequence[UUID]) -> tuple[list[UUID], int]:
    """Release one batch; the users that it looked at, and the number of reminders.

    `seen` are the users of the batches before: of some nothing is released yet, and others come after them.
    """
    users = _lock_users(limit, now, seen)
    waiting = _lock_reminders(users, now)
    by_user: dict[UUID, list[Reminder]] = defaultdict(list)
    for reminder in waiting:
        by_user[reminder.task.user_id].append(reminder)
    ways = ways_of(users)
    for user in users:
        _release(user, by_user[user.pk], ways[user.pk], now)
    Reminder.objects.bulk_update(waiting, ["state", "waits_until", "quiet_until"])
    if waiting:
        log.info("reminders_released", count=len(waiting))
    return [user.pk for user in users], len(waiting)


def _due(now: datetime) -> QuerySet[Reminder]:
    return Reminder.objects.filter(queues.due(now, longest=LONGEST_WAIT, field="waits_until"))


def _lock_users(limit: int, now: datetime, seen: Sequence[UUID]) -> list[User]:
    """The users with reminders to release, without those that another release holds."""
    due = _due(now).exclude(task__user__in=seen).order_by().values("task__user")
    ids = due.annotate(first=Min("waits_until")).order_by("first").values_list("task__user", flat=True)
    users = User.objects.filter(pk__in=list(ids[:limit])).order_by("pk")
    return list(users.select_for_update(no_key=True, skip_locked=True))


def _lock_reminders(users: Sequence[User], now: datetime) -> list[Reminder]:
    """Their reminders to release, oldest first, with the tasks, which are locked.

    The missed ones of a user stay while the scan has not yet seen all that came due: one notice names all.
    """
    mine = _due(now).filter(task__user__in=users)
    # Before the tasks are read: what the scan commits in between would not be among them.
    unseen = set(
        Task.objects.filter(user__in=users, next_reminder_at__lte=now).values_list("user", flat=True)
    )
    tasks = {task.pk: task for task in Task.objects.filter(reminders__in=mine).locked()}
    reminders = mine.filter(task__in=tasks).exclude(state=State.MISSED, task__user__in=unseen)
    found = list(reminders.order_by("reminder_at", "pk"))
    for reminder in found:
        reminder.task = tasks[reminder.task_id]
    return found


def _release(user: User, reminders: Sequence[Reminder], ways: Sequence[Way], now: datetime) -> None:
    """Decide the states of a user's reminders, and create the deliveries."""
    if later := end_of_quiet_hours(user, now):  # the quiet hours or the task were changed meanwhile
        for reminder in reminders:
            reminder.waits_until = later
        reminders = [reminder for reminder in reminders if _rings_all_the_same(reminder)]
    for reminder in reminders:
        reminder.waits_until = None
        if reminder.state == State.WAITING:
            reminder.state = _state_after_waiting(reminder, now)
    due = [reminder for reminder in reminders if reminder.state == State.DUE]
    if not ways:
        for reminder in due:
            reminder.state = state_without_ways(user)
    elif len(due) == 1:
        create_deliveries(due, {user.pk: ways}, now=now)
    elif due:
        create_notice(user.pk, Delivery.Notice.LIST, due, ways, now=now)
    if missed := [reminder for reminder in reminders if reminder.state == State.MISSED]:
        create_notice(user.pk, Delivery.Notice.MISSED, missed, ways, now=now)


def _rings_all_the_same(reminder: Reminder) -> bool:
    return reminder.state == State.WAITING and rings_in_quiet_hours(reminder.task, reminder.reminder_at)


def _state_after_waiting(reminder: Reminder, now: datetime) -> State:
    if not still_rings_at(reminder.task, reminder.reminder_at, now=now):
        return State.CANCELLED
    return State.MISSED if is_missed(reminder, now) else State.DUE
