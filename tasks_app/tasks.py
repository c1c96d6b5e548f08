"""Ticks: the trash is emptied, rows of an older release are upgraded, series move to another time zone."""

from datetime import timedelta

from celery import shared_task
from django.utils import timezone

from events_app import queues
from tasks_app.day_starts import go_on_with_day_starts
from tasks_app.models import Task
from tasks_app.moving import go_on_with_moves
from tasks_app.older_rows import upgrade

KEPT = timedelta(days=30)
BATCH = 500


@shared_task(name="tasks_app.purge_trash")
def purge_trash() -> int:
    """Tick: erase what has been in the trash for longer than KEPT, in batches; how many tasks."""
    expired = Task.objects.filter(deleted_at__lt=timezone.now() - KEPT).order_by("deleted_at")
    return queues.drain(lambda: queues.purge(expired, batch=BATCH))


@shared_task(name="tasks_app.upgrade_rows")
def upgrade_rows() -> int:
    """Tick: bring what processes of an older release wrote up to date; how many rows."""
    return queues.drain(lambda: upgrade(BATCH))


@shared_task(name="tasks_app.apply_day_starts")
def apply_day_starts() -> int:
    """Tick: move the reminders of all-day tasks of users whose day starts at another time; how many tasks."""
    return go_on_with_day_starts()


@shared_task(name="tasks_app.move_series")
def move_series() -> int:
    """Tick: move what is left of series whose users have moved to another time zone; how many tasks."""
    return go_on_with_moves()
