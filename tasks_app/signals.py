"""Receivers that keep what Django would write past the door of tasks (tasks_app/task_writes.py) with it."""

from typing import Any

from django.db.models import Model, ProtectedError, QuerySet
from django.db.models.signals import post_delete, post_save, pre_delete
from django.dispatch import receiver

from accounts_app.models import User
from accounts_app.signals import zone_moved
from tasks_app import label_events, task_events
from tasks_app.models import DEFAULT_PRIORITY_ID, Priority, Tag, Task
from tasks_app.moving import request_move
from tasks_app.services import untag
from tasks_app.task_events import Change


def deleted_together(instance: Model, origin: Any) -> set[Any]:
    """The ids of all rows of one deletion, so that their tasks are locked at once, in the order of locks.

    Django sends pre_delete for each row before it deletes any; the ids come with the first of them.
    """
    if not isinstance(origin, QuerySet) or origin.model is not type(instance):
        return {instance.pk}
    together = {row.pk for row in origin}
    return together if instance.pk == min(together) else set()


@receiver(post_save, sender=Task)
def record_saved(change: Change | None = None, **_: Any) -> None:
    """Write the events of a save into its transaction. loaddata restores rows, which is no change."""
    if change is not None:
        task_events.record([change])


@receiver(zone_moved)
def move_series(user: User, **_: Any) -> None:
    request_move(user.pk, to=user.timezone)


@receiver(pre_delete, sender=User)
def keep_tasks(instance: User, **_: Any) -> None:
    """A cascade would take the tasks without their events: the erasure of a closed account deletes them."""
    if left := Task.objects.filter(user=instance)[:1]:
        raise ProtectedError("This user still has tasks: close the account, and it is erased.", set(left))


@receiver(pre_delete, sender=Tag)
def untag_tasks(instance: Tag, origin: Any, **_: Any) -> None:
    """Take tags that are about to go from their tasks."""
    if tag_ids := deleted_together(instance, origin):
        untag(tag_ids)


# After untag_tasks, which locks tags that are deleted together in one order.
@receiver(pre_delete, sender=Tag)
@receiver(pre_delete, sender=Priority)
def read_version(instance: Tag | Priority, **_: Any) -> None:
    """The copy that is deleted may be of an earlier version."""
    if stored := instance.locked():
        instance.version = stored.version


@receiver(pre_delete, sender=Priority)
def keep_default(instance: Priority, **_: Any) -> None:
    if instance.pk == DEFAULT_PRIORITY_ID:
        raise ProtectedError("The priority new tasks get cannot be deleted.", {instance})


@receiver(post_delete, sender=Tag)
@receiver(post_delete, sender=Priority)
def record_deleted(instance: Tag | Priority, **_: Any) -> None:
    """Write the event of a deletion, one version beyond the last that anyone has seen."""
    instance.version += 1
    label_events.record([instance], "deleted")
