"""Receivers: what a template loses when a tag goes, and what tasks lose when a template goes."""

from typing import Any

from django.db.models import F
from django.db.models.signals import pre_delete
from django.dispatch import receiver
from django.utils import timezone

from accounts_app.models import User
from accounts_app.signals import zone_moved
from recurring_app.models import RecurringTask
from recurring_app.services import move_templates
from tasks_app.models import Tag
from tasks_app.services import release_from_templates, tags_going
from tasks_app.signals import deleted_together


@receiver(zone_moved)
def move_all_templates(user: User, **_: Any) -> None:
    move_templates(user.pk, timezone=user.timezone)


@receiver(pre_delete, sender=RecurringTask)
def release_tasks(instance: RecurringTask, origin: Any, **_: Any) -> None:
    """Its tasks stay without it, through the door of tasks."""
    if template_ids := deleted_together(instance, origin):
        release_from_templates(template_ids)


@receiver(tags_going)
def lock_templates(tag_ids: set[int], **_: Any) -> None:
    list(RecurringTask.objects.filter(tags__in=tag_ids).locked().values_list("pk"))


@receiver(pre_delete, sender=Tag)
def count_lost_tag(instance: Tag, **_: Any) -> None:
    """Templates that have the tag are about to lose it: a new version of each."""
    instance.recurring_tasks.update(version=F("version") + 1, updated_at=timezone.now())
