"""Receivers that keep what Django would write past the door of tasks (tasks_app/task_writes.py) with it."""

from typing import Any

from django.db.models import ProtectedError, QuerySet
from django.db.models.signals import post_save, pre_delete
from django.dispatch import receiver

from accounts_app.models import User
from tasks_app import task_events
from tasks_app.models import DEFAULT_PRIORITY_ID, Priority, Tag, Task
from tasks_app.services import untag
from tasks_app.task_events import Change


@receiver(post_save, sender=Task)
def record_saved(change: Change | None = None, **_: Any) -> None:
    """Write the events of a save into its transaction. loaddata restores rows, which is no change."""
    if change is not None:
        task_events.record([change])


@receiver(pre_delete, sender=User)
def keep_tasks(instance: User, **_: Any) -> None:
    """A cascade would take the tasks without their events: the erasure of a closed account deletes them."""
    if left := Task.objects.filter(user=instance)[:1]:
        raise ProtectedError("This user still has tasks: close the account, and it is erased.", set(left))


@receiver(pre_delete, sender=Tag)
def untag_tasks(instance: Tag, origin: Any, **_: Any) -> None:
    """Take tags that are about to go from their tasks: all of a deletion at first, in the order of locks."""
    is_of_tags = isinstance(origin, QuerySet) and origin.model is Tag
    untag({tag.pk for tag in origin} if is_of_tags else {instance.pk})


@receiver(pre_delete, sender=Priority)
def keep_default(instance: Priority, **_: Any) -> None:
    if instance.pk == DEFAULT_PRIORITY_ID:
        raise ProtectedError("The priority new tasks get cannot be deleted.", {instance})
