"""The reminder scan: claims what is due, once, however many scan at the same time.

Each batch is one transaction and the same few statements whatever its size: the claim, the reminders, their
deliveries and events are there together or not at all. What an outage left behind is claimed oldest first.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from time import monotonic
from uuid import UUID

import orjson
import structlog
from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone
from uuid_utils.compat import uuid7

from database.questions import Question
from events_app import outbox
from events_app.outbox import NewEvent
from notifications_app.due_tasks import DueTask, lock_due_tasks
from notifications_app.metrics import CLAIM_LATENESS
from notifications_app.models import Reminder
from notifications_app.planning import create_deliveries, plan, settle
from notifications_app.recipients import recipients
from notifications_app.releasing import release_reminders
from tasks_app.models import Task
from tasks_app.reminding import newest_due, next_reminder

log = structlog.get_logger(__name__)

# Keeps a request of /internal/check-reminders to some seconds.
BATCHES_PER_CALL = 40
# How long a tick goes on while more is due, and after how many batches the release has its turn. One process
# has both ticks, and what beat sends for the release meanwhile expires within a second.
TICK_SECONDS = 10.0
BATCHES_PER_TURN = 5

# Plain SQL, not through tasks_app/task_writes.py: that a reminder was claimed is not a change anyone can see.
# Arrays, because PostgreSQL knows how many ids are in one: it reads the tasks by them, and not all tasks.
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
    FROM jsonb_to_recordset(%s::jsonb) AS claimed
        (task_id bigint, reminder_at timestamptz, event_id uuid, state text, quiet_until timestamptz,
         waits_until timestamptz)
    ON CONFLICT (task_id, reminder_at) DO NOTHING
    RETURNING task_id, id
"""


@dataclass(slots=True)
class _Claimed:
    """A reminder that this batch has claimed: what becomes a row of `reminders`, `pk` once it is there."""

    task: DueTask
    reminder_at: datetime
    event_id: UUID
    state: str = Reminder.State.DUE
    quiet_until: datetime | None = None
    waits_until: datetime | None = None
    pk: int | None = None


@Question
def has_due(now: datetime) -> QuerySet[Task]:
    """Whether `scan_reminders` has something to claim, which another scan may hold."""
    return Task.objects.filter(next_reminder_at__lte=now)


def scan_reminders(limit: int = 500) -> int:
    """Claim every reminder that is due, oldest first, `limit` tasks to a batch; how many there were.

    Tasks that another scan holds are left to it. One call takes at most BATCHES_PER_CALL batches.
    """
    return _scan(limit, BATCHES_PER_CALL)[0]


def scan_and_release(limit: int = 500) -> int:
    """Claim every reminder that is due as a tick does, for TICK_SECONDS; how many there were.

    While more is due than a turn takes, what waited for the end of quiet hours is released in between.
    """
    until, claimed = monotonic() + TICK_SECONDS, 0
    while True:
        reminders, is_more = _scan(limit, BATCHES_PER_TURN)
        claimed += reminders
        if not is_more or monotonic() >= until:
            return claimed
        release_reminders()


def _scan(limit: int, batches: int) -> tuple[int, bool]:
    """Claim at most so many batches; how many reminders there were, and whether more may be due."""
    now = timezone.now()
    claimed = 0
    for _ in range(batches):
        tasks, reminders = _claim_batch(limit, now)
        claimed += reminders
        if tasks < limit:
            return claimed, False
    return claimed, True


def _claim_batch(limit: int, now: datetime) -> tuple[int, int]:
    """Claim one batch; how many tasks were due and how many reminders came of them."""
    with transaction.atomic():
        tasks = lock_due_tasks(limit, now)
        if not tasks:
            return 0, 0
        reminders = [_Claimed(task, at, uuid7()) for task in tasks if (at := newest_due(task, now=now))]
        _advance(tasks, now)
        users = recipients(task.user_id for task in tasks)
        settle(reminders, users, now=now)
        ways = plan(reminders, users)
        new = _insert(reminders, now)
        create_deliveries(new, ways, now=now)
        outbox.write([_event(reminder, now) for reminder in new])
    lateness = [now - reminder.reminder_at for reminder in new]
    for late in lateness:
        CLAIM_LATENESS.observe(late.total_seconds())
    log.info("reminders_claimed", count=len(new), latest_by=str(max(lateness, default=None)))
    return len(tasks), len(new)


def _advance(tasks: Sequence[DueTask], now: datetime) -> None:
    for task in tasks:
        task.reminded_until = now
    ids, next_times = [task.id for task in tasks], [next_reminder(task) for task in tasks]
    with connection.cursor() as cursor:
        cursor.execute(_ADVANCE, [now, ids, next_times])


def _insert(reminders: Sequence[_Claimed], now: datetime) -> list[_Claimed]:
    """Write the reminders; those that are new, with their ids."""
    if not reminders:
        return []
    rows = [
        {
            "task_id": one.task.id,
            "reminder_at": one.reminder_at,
            "event_id": one.event_id,
            "state": one.state,
            "quiet_until": one.quiet_until,
            "waits_until": one.waits_until,
        }
        for one in reminders
    ]
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, [now, now, orjson.dumps(rows).decode()])
        ids = dict(cursor.fetchall())
    for reminder in reminders:
        reminder.pk = ids.get(reminder.task.id)
    return [reminder for reminder in reminders if reminder.pk is not None]


def _event(reminder: _Claimed, now: datetime) -> NewEvent:
    task, user_id = reminder.task, str(reminder.task.user_id)
    return NewEvent(
        type="reminder.due",
        key=user_id,
        subject=str(task.id),
        sequence=task.version,
        data={
            "task_id": task.id,
            "user_id": user_id,
            "title": task.title,
            "reminder_at": reminder.reminder_at.isoformat(),
            "due_at": task.due_at.isoformat() if task.due_at else None,
        },
        time=now,
        event_id=reminder.event_id,
    )
