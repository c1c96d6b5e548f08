"""Markers for operators to look at. Only PostgreSQL decides what has already been done."""

from datetime import datetime, timedelta

from state_store import keys
from state_store.client import put

_KEPT = timedelta(days=7)


def mark_reminder_sent(task_id: int, *, at: datetime) -> bool:
    """Record that a reminder of the task reached a device; False if the store is unavailable."""
    return put(keys.reminder_sent(task_id), at.isoformat(), ttl=_KEPT)
