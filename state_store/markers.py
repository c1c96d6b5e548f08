"""Markers for operators to look at. Only PostgreSQL decides what has already been done."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from state_store import keys
from state_store.client import put, put_many

_KEPT = timedelta(days=7)


def mark_reminder_sent(task_id: int, *, at: datetime) -> bool:
    """Record that a reminder of the task reached a device; False if the store is unavailable."""
    return put(keys.reminder_sent(task_id), at.isoformat(), ttl=_KEPT)


def mark_templates_processed(template_ids: Iterable[int], *, at: datetime) -> bool:
    """Record when templates were last processed; False if the store is unavailable."""
    values = {keys.recurring_task_processed(template_id): at.isoformat() for template_id in template_ids}
    return put_many(values, ttl=_KEPT)
