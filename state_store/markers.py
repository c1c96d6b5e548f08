"""Markers for operators to look at. Only PostgreSQL decides what has already been done."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from state_store import keys
from state_store.values import put_many

_KEPT = timedelta(days=7)


def mark_reminders_sent(task_ids: Iterable[int], *, at: datetime) -> bool:
    """Record that reminders of these tasks reached a device; False if the store is unavailable."""
    values = {keys.reminder_sent(task_id): at.isoformat() for task_id in task_ids}
    return put_many(values, ttl=_KEPT)


def mark_templates_processed(template_ids: Iterable[int], *, at: datetime) -> bool:
    """Record when templates were last processed; False if the store is unavailable."""
    values = {keys.recurring_task_processed(template_id): at.isoformat() for template_id in template_ids}
    return put_many(values, ttl=_KEPT)
