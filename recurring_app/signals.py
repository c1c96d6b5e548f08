"""A receiver that releases the tasks of a template before it goes, through the door of tasks."""

from typing import Any

from django.db.models.signals import pre_delete
from django.dispatch import receiver

from recurring_app.models import RecurringTask
from tasks_app.services import release_from_templates
from tasks_app.signals import deleted_together


@receiver(pre_delete, sender=RecurringTask)
def release_tasks(instance: RecurringTask, origin: Any, **_: Any) -> None:
    release_from_templates(deleted_together(instance, origin))
