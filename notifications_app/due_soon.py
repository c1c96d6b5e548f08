"""`task.due.approaching`: recorded once for each task and due_at, within the day before it.

A due_at that has passed when it is first seen has no event.
"""

from datetime import datetime, timedelta

import structlog
from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from events_app import outbox
from events_app.outbox import NewEvent
from tasks_app import task_events
from tasks_app.models import OPEN, Task, TaskTag

log = structlog.get_logger(__name__)

WINDOW = timedelta(hours=24)
# Keeps one call far below a tick's time limit; the next tick goes on.
BATCHES_PER_CALL = 20


def announce_due_soon(limit: int = 500) -> int:
    """Announce the open tasks that are due within WINDOW, soonest first; how many there were."""
    now = since = timezone.now()
    announced = 0
    for _ in range(BATCHES_PER_CALL):
        tasks = _announce_batch(limit, now, since)
        announced += len(tasks)
        if len(tasks) < limit:
            break
        since = tasks[-1].due_at or now
    return announced


def _announce_batch(limit: int, now: datetime, since: datetime) -> list[Task]:
    with transaction.atomic():
        tasks = list(_approaching(now).filter(due_at__gte=since)[:limit])
        if tasks:
            tag_ids = TaskTag.objects.ids_by_task([task.pk for task in tasks])
            for task in tasks:
                task.tag_ids = tag_ids[task.pk]
            # Not through tasks_app/task_writes.py: the mark is ours, not a change anyone can see.
            QuerySet(Task).filter(pk__in=[task.pk for task in tasks]).update(due_announced_for=F("due_at"))
            outbox.write([_event(task, now) for task in tasks])
            log.info("due_dates_announced", count=len(tasks))
    return tasks


def _approaching(now: datetime) -> QuerySet[Task]:
    """The open tasks in the window that were not announced for this due_at, locked."""
    return (
        Task.objects.select_for_update(of=("self",), no_key=True, skip_locked=True)
        .filter(OPEN, due_at__gt=now, due_at__lte=now + WINDOW)
        .exclude(due_announced_for=F("due_at"))
        .order_by("due_at")
    )


def _event(task: Task, now: datetime) -> NewEvent:
    data = task_events.task_data(task)
    event = task_events.task_event(task, data, event_type="due.approaching")
    return NewEvent(
        type="task.due.approaching",
        key=data["user_id"],
        subject=str(task.pk),
        sequence=task.version,
        data=event | {"timestamp": now.isoformat()},
        time=now,
    )
