"""A receiver that releases the tasks of a template before it goes, through the door of tasks."""

from typing import Any

from django.db.models.signals import pre_delete
from django.dispatch import receiver

from recurring_app.models import RecurringTask
from tasks_app.services import release_from_template


@receiver(pre_delete, sender=RecurringTask)
def release_tasks(instance: RecurringTask, **_: Any) -> None:
    release_from_template(instance.pk)
