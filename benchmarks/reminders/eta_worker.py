"""The worker of eta.py: `celery --app benchmarks.reminders.eta_worker worker`."""

import sys
from datetime import UTC, datetime

from celery import Celery
from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from uuid_utils.compat import uuid7

app = Celery("eta", broker=settings.CELERY_BROKER_URL, set_as_current=False)
app.conf.update(task_default_queue="eta", task_ignore_result=True, broker_connection_retry_on_startup=True)
app.conf["CELERY_DB_REUSE_MAX"] = sys.maxsize  # connections are kept, as our workers keep theirs


@app.task(name="benchmarks.ring")
def ring(task_id: int) -> None:
    """What a tutorial leads to: claim, row and event by the models, in one transaction."""
    # Imported here: a worker imports this module before Django is set up.
    from events_app.models import OutboxEvent
    from notifications_app.models import Reminder
    from tasks_app.models import Task

    now = datetime.now(UTC)
    with transaction.atomic():
        task = Task.objects.select_for_update(no_key=True).get(pk=task_id)
        at = task.next_reminder_at
        if at is None:
            return
        # Django's own: that of tasks has one way to be changed.
        QuerySet(Task).filter(pk=task_id).update(next_reminder_at=None, reminded_until=now)
        reminder = Reminder.objects.create(
            task=task, reminder_at=at, claimed_at=now, lateness=now - at, event_id=uuid7(), state="no_device"
        )
        OutboxEvent.objects.create(
            event_id=reminder.event_id,
            topic="reminders",
            type="reminder.due",
            key=str(task.user_id),
            subject=str(task.pk),
            sequence=task.version,
            data={"task_id": task.pk, "title": task.title, "reminder_at": at.isoformat()},
            user_id=task.user_id,
        )
