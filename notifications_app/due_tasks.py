"""The tasks whose reminders have come due, as the scan reads them."""

from dataclasses import dataclass, fields
from datetime import date, datetime, time
from uuid import UUID

from django.db import connection


@dataclass(slots=True)
class DueTask:
    """Some columns of a task: what reminding reads (tasks_app/reminding.py), what its event and its plan say.

    Not the model: to make an instance of that takes ten times as long
    (docs/decisions/0035-deliveries-in-batches.md).
    """

    id: int
    user_id: UUID
    title: str
    version: int
    rings_in_quiet_hours: bool
    completed: bool
    archived: bool
    deleted_at: datetime | None
    all_day: bool
    due_date: date | None
    due_at: datetime | None
    timezone: str
    day_starts_at: time | None
    reminder_at: datetime | None
    reminder_offsets: list[int]
    snoozed_until: datetime | None
    reminded_until: datetime | None


_LOCK = f"""
    SELECT {", ".join(field.name for field in fields(DueTask))} FROM tasks
    WHERE next_reminder_at <= %s ORDER BY next_reminder_at LIMIT %s
    FOR NO KEY UPDATE SKIP LOCKED
"""  # noqa: S608 - no input


def lock_due_tasks(limit: int, now: datetime) -> list[DueTask]:
    """Lock the tasks that ring first, at most `limit`. Those that another scan holds are left to it."""
    with connection.cursor() as cursor:
        cursor.execute(_LOCK, [now, limit])
        return [DueTask(*row) for row in cursor.fetchall()]
