"""The reminder scan: claims what is due, once, however many scan at the same time.

Each batch is one transaction and the same few statements whatever its size: the claim, the reminders, their
deliveries and events are there together or not at all. What an outage left behind is claimed oldest first.
"""

from datetime import datetime
from typing import Any

import structlog
from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone
from uuid_utils.compat import uuid7

from events_app import outbox
from events_app.outbox import NewEvent
from notifications_app.metrics import CLAIM_LATENESS
from notifications_app.models import Reminder
from notifications_app.planning import create_deliveries, plan, settle
from notifications_app.ways import users_of
from tasks_app import reminding
from tasks_app.models import Task
from tasks_app.reminding import newest_due, next_reminder

log = structlog.get_logger(__name__)

# Keeps one call far below a tick's time limit; the next tick, a second later, goes on.
BATCHES_PER_CALL = 40

# What an event says of its task, beside what reminding reads.
_OF_THE_EVENT = ("user_id", "title", "version")
_OF_THE_PLAN = ("rings_in_quiet_hours",)

# Plain SQL, not through tasks_app/task_writes.py: that a reminder was claimed is not a change anyone can see.
_ADVANCE = """
    UPDATE tasks SET reminded_until = %s, next_reminder_at = claimed.next_at, untouched_version = NULL
    FROM unnest(%s::bigint[], %s::timestamptz[]) AS claimed (id, next_at)
    WHERE tasks.id = claimed.id
"""
# Plain SQL, because it must return the new rows only: the others were claimed before and have events.
_INSERT = """
    INSERT INTO reminders
        (task_id, reminder_at, claimed_at, lateness, event_id, state, quiet_until, waits_until)
    SELECT task_id, reminder_at, %s, %s - reminder_at, event_id, state, quiet_until, waits_until
    FROM unnest(%s::bigint[], %s::timestamptz[], %s::uuid[], %s::text[], %s::timestamptz[], %s::timestamptz[])
        AS claimed (task_id, reminder_at, event_id, state, quiet_until, waits_until)
    ON CONFLICT (task_id, reminder_at) DO NOTHING
    RETURNING event_id, id
"""


def has_due() -> bool:
    """Whether `scan_reminders` has something to claim, which another scan may hold."""
    return Task.objects.filter(next_reminder_at__lte=timezone.now()).exists()


def scan_reminders(limit: int = 500) -> int:
    """Claim every reminder that is due, oldest first, `limit` tasks to a batch; how many there were.

    Tasks that another scan holds are left to it. One call takes at most BATCHES_PER_CALL batches.
    """
    now = timezone.now()
    claimed = 0
    for _ in range(BATCHES_PER_CALL):
        tasks, reminders = _claim_batch(limit, now)
        claimed += reminders
        if tasks < limit:
            break
    return claimed


def _claim_batch(limit: int, now: datetime) -> tuple[int, int]:
    """Claim one batch; how many tasks were due and how many reminders came of them."""
    with transaction.atomic():
        tasks = list(_due_tasks(now)[:limit])
        if not tasks:
            return 0, 0
        reminders = [_reminder(task, at, now) for task in tasks if (at := newest_due(task, now=now))]
        _advance(tasks, now)
        users = users_of(task.user_id for task in tasks)
        settle(reminders, users, now=now)
        ways = plan(reminders, users)
        new = _insert(reminders, now)
        create_deliveries(new, ways, now=now)
        outbox.write([_event(reminder, now) for reminder in new])
    for reminder in new:
        CLAIM_LATENESS.observe(reminder.lateness.total_seconds())
    log.info("reminders_claimed", count=len(new), latest_by=str(max((r.lateness for r in new), default=None)))
    return len(tasks), len(new)


def _due_tasks(now: datetime) -> QuerySet[Task]:
    return (
        Task.objects.select_for_update(of=("self",), no_key=True, skip_locked=True)
        .filter(next_reminder_at__lte=now)
        .order_by("next_reminder_at")
        .only(*reminding.COLUMNS, *_OF_THE_EVENT, *_OF_THE_PLAN, "next_reminder_at")
    )


def _reminder(task: Task, at: datetime, now: datetime) -> Reminder:
    return Reminder(task=task, reminder_at=at, claimed_at=now, lateness=now - at, event_id=uuid7())


def _advance(tasks: list[Task], now: datetime) -> None:
    for task in tasks:
        task.reminded_until = now
    ids, next_times = [task.pk for task in tasks], [next_reminder(task) for task in tasks]
    with connection.cursor() as cursor:
        cursor.execute(_ADVANCE, [now, ids, next_times])


def _insert(reminders: list[Reminder], now: datetime) -> list[Reminder]:
    """Write the reminders; those that are new, with their ids."""
    if not reminders:
        return []
    rows = [
        (one.task_id, one.reminder_at, one.event_id, one.state, one.quiet_until, one.waits_until)
        for one in reminders
    ]
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, [now, now, *map(list, zip(*rows, strict=True))])
        ids = dict(cursor.fetchall())
    for reminder in reminders:
        reminder.pk = ids.get(reminder.event_id)
    return [reminder for reminder in reminders if reminder.pk is not None]


def _event(reminder: Reminder, now: datetime) -> NewEvent:
    task = reminder.task
    data: dict[str, Any] = {
        "task_id": task.pk,
        "user_id": str(task.user_id),
        "title": task.title,
        "reminder_at": reminder.reminder_at.isoformat(),
        "due_at": task.due_at.isoformat() if task.due_at else None,
    }
    return NewEvent(
        type="reminder.due",
        key=str(task.user_id),
        subject=str(task.pk),
        sequence=task.version,
        data=data,
        time=now,
        event_id=reminder.event_id,
    )
