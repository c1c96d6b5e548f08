"""A user's day starts at another time: the reminders of open all-day tasks that have not rung move with it.

Each task has a copy of the time, so that its row alone says when it rings. The user's row says that copies
may be old; a task that has the new time was moved, so a crash between two batches loses nothing.
"""

from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from accounts_app.models import User
from database.questions import Question
from events_app import queues
from tasks_app import task_writes
from tasks_app.models import OPEN, Task
from tasks_app.reminding import reminder_instants
from tasks_app.task_writes import Draft

BATCH = 500


@Question
def has_new(_now: datetime) -> QuerySet[User]:
    """Whether there are users whose tasks may have to be moved."""
    return User.objects.filter(day_start_is_new=True)


def go_on_with_day_starts() -> int:
    """Move the next batches of each of these users; how many tasks."""
    users = User.objects.filter(day_start_is_new=True).values_list("pk", flat=True)
    return sum(queues.drain(partial(_go_on, user_id), full=BATCH) for user_id in users)


@transaction.atomic
def _go_on(user_id: UUID) -> int:
    """Move a batch, or end when nothing is left; how many tasks."""
    user = User.objects.select_for_update(no_key=True, skip_locked=True).filter(pk=user_id).first()
    if user is None:
        return 0
    old = Task.objects.filter(OPEN, user=user, all_day=True).exclude(day_starts_at=user.day_starts_at)
    tasks = list(old.filter(pk__in=old.order_by("pk").values("pk")[:BATCH]).locked())
    for task in tasks:
        _move(task, user)
    task_writes.write([Draft(task) for task in tasks])
    if len(tasks) < BATCH:
        User.objects.filter(pk=user.pk).update(day_start_is_new=False)
    return len(tasks)


def _move(task: Any, user: User) -> None:
    """What has rung does not ring again at the new time."""
    rung = sum(at <= (task.reminded_until or task.created_at) for at in reminder_instants(task))
    task.day_starts_at = user.day_starts_at
    if task.reminder_offsets:
        task.reminded_until = max([timezone.now(), *reminder_instants(task)[:rung]])
