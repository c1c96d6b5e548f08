"""Receivers that write the events of a change into its transaction, and do nothing else.

Source: docs/decisions/0003-events-of-a-task.md.
"""

from typing import Any

from django.db.models import ProtectedError, QuerySet
from django.db.models.signals import post_delete, post_save, pre_delete
from django.dispatch import receiver

from accounts_app.models import User
from tasks_app import changes
from tasks_app.models import DEFAULT_PRIORITY_ID, Priority, Tag, Task, TaskTag


@receiver(post_save, sender=Task)
def record_saved(instance: Task, raw: bool, **_: Any) -> None:
    if raw:  # loaddata restores what was: nothing has happened now
        return
    change = changes.change_of(instance)
    if change.fields:
        tag_ids = {} if change.kind == "created" else Task.objects.tag_ids_of([instance])
        changes.record([change], tag_ids)


@receiver(pre_delete, sender=Task)
def hold_doomed(instance: Task, **_: Any) -> None:
    """Lock the row and read its tags while they are there; None when another has deleted it already."""
    if not instance.told_by_queryset:
        row = Task.objects.filter(pk=instance.pk).locked().first()
        instance.doomed = (row, Task.objects.tag_ids_of([row])[row.pk]) if row else None


@receiver(post_delete, sender=Task)
def record_deleted(instance: Task, **_: Any) -> None:
    if instance.doomed is not None:
        changes.record_erased([instance.doomed])


@receiver(post_save, sender=TaskTag)
def record_tagged(instance: TaskTag, raw: bool, **_: Any) -> None:
    if not raw:
        Task.objects.touch([instance.task_id])


@receiver(post_delete, sender=TaskTag)
def record_untagged(instance: TaskTag, origin: Any, **_: Any) -> None:
    if _model_of(origin) not in (Task, User):  # there the task goes too, and its own event says so
        Task.objects.touch([instance.task_id])


@receiver(pre_delete, sender=Tag)
def lock_tagged(origin: Any, **_: Any) -> None:
    """Lock the tasks that lose a tag by their ids, as everybody does: the cascade goes by the links' ids."""
    if _model_of(origin) is Tag:
        tags = origin if isinstance(origin, QuerySet) else [origin]
        links = TaskTag.objects.filter(tag__in=tags)
        list(Task.objects.filter(pk__in=links.values("task_id")).locked().values_list("pk"))


@receiver(pre_delete, sender=Priority)
def keep_default(instance: Priority, **_: Any) -> None:
    if instance.pk == DEFAULT_PRIORITY_ID:
        raise ProtectedError("The priority new tasks get cannot be deleted.", {instance})


def _model_of(origin: Any) -> Any:
    """What a deletion began with: the model of the object or of the queryset."""
    return origin.model if isinstance(origin, QuerySet) else type(origin)
