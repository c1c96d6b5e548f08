"""`task.due.approaching`: recorded once for each task and due_at, within the day before it.

Users who have asked for it (`due_soon_notifications`) are notified too. A due_at that has passed when it is
first seen has no event.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone
from uuid_utils.compat import uuid7

from events_app import outbox
from events_app.outbox import NewEvent
from notifications_app.hints import hint_after_commit
from notifications_app.models import Delivery
from notifications_app.notices import delivery_to
from notifications_app.recipients import recipients
from notifications_app.ways import ways_of
from tasks_app import task_events
from tasks_app.all_day import reminder_before
from tasks_app.models import OPEN, Task, TaskTag
from tasks_app.reminding import is_silent

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
            event_ids = {task.pk: uuid7() for task in tasks}
            outbox.write([_event(task, now, event_ids[task.pk]) for task in tasks])
            _notify(tasks, now, event_ids)
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


def is_still_due_soon(task: Task, now: datetime) -> bool:
    """Whether the task is as it was announced: open, and due at the same time, which is to come."""
    is_to_come = task.due_at is not None and task.due_at > now
    return not is_silent(task) and is_to_come and task.due_at == task.due_announced_for


def _notify(tasks: Sequence[Task], now: datetime, event_ids: Mapping[int, UUID]) -> None:
    """Create a delivery to each target of the users who have asked for it. Of an all-day task on its day."""
    users = recipients(task.user_id for task in tasks)
    ways = ways_of([user for user in users.values() if user.due_soon_notifications])
    deliveries = []
    for task in tasks:
        day_starts = now if task.due_date is None else reminder_before(task, 0)
        for way in ways.get(task.user_id, []):
            delivery = delivery_to(
                way,
                user_id=task.user_id,
                event_id=event_ids[task.pk],
                now=now,
                send_at=max(now, day_starts),
                expires_at=task.due_at or now,
            )
            delivery.notice, delivery.due_task = Delivery.Notice.DUE_SOON, task
            deliveries.append(delivery)
    if deliveries:
        Delivery.objects.bulk_create(deliveries)
        hint_after_commit()


def _event(task: Task, now: datetime, event_id: UUID) -> NewEvent:
    data = task_events.task_data(task)
    event = task_events.task_event(task, data, event_type="due.approaching")
    return NewEvent(
        type="task.due.approaching",
        key=data["user_id"],
        subject=str(task.pk),
        sequence=task.version,
        data=event | {"timestamp": now.isoformat()},
        time=now,
        event_id=event_id,
    )
