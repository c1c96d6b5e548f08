"""Reminders and their deliveries are deleted after NOTIFICATIONS_KEPT.

The row of a reminder also prevents the same reminder from being sent again. So a row is deleted only if the
task's `reminded_until` has reached it: the scan reads only later times, and reopening or restoring a task
starts at the current time. A reminder could be repeated only by setting a time that is longer ago than
NOTIFICATIONS_KEPT, which the API rejects.
"""

from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from events_app import queues
from notifications_app.models import Delivery, Reminder
from tasks_app.models import Task

BATCH = 500


def purge_notifications() -> int:
    """Delete old reminders with their deliveries and attempts, and old tests. Returns how many of both."""
    before = timezone.now() - settings.NOTIFICATIONS_KEPT
    return queues.drain(lambda: _purge_reminders(before) + _purge_tests(before))


def _purge_reminders(before: datetime) -> int:
    """Lock the tasks first, as for every change of reminders. Tasks that are locked are left for later."""
    with transaction.atomic():
        old = list(_purgeable(before).order_by("claimed_at").values_list("pk", "task_id")[:BATCH])
        tasks = Task.objects.filter(pk__in={task for _, task in old}).order_by("pk")
        locked = list(tasks.select_for_update(no_key=True, skip_locked=True).values_list("pk", flat=True))
        chosen = _purgeable(before).filter(pk__in=[pk for pk, _ in old], task__in=locked)
        _, erased = chosen.delete()
    return erased.get(Reminder._meta.label, 0)


def _purgeable(before: datetime) -> QuerySet[Reminder]:
    old = Reminder.objects.filter(claimed_at__lt=before, task__reminded_until__gte=F("reminder_at"))
    return old.exclude(state__in=[Reminder.State.DUE, Reminder.State.WAITING])


def _purge_tests(before: datetime) -> int:
    tests = Delivery.objects.filter(reminder=None, created_at__lt=before).order_by("created_at")
    return queues.purge(tests, batch=BATCH)
