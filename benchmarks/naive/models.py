"""The product's own tables (users, tasks, tags, priorities, outbox_events), as plain models.

The same tables with the same indexes and constraints, so that PostgreSQL's part is the same on both sides.
"""

import uuid

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.contrib.postgres.fields import ArrayField
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.utils.timezone import now


class User(AbstractBaseUser, PermissionsMixin):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    email = models.EmailField(unique=True, null=True)
    email_confirmed = models.BooleanField(default=False)
    timezone = models.CharField(max_length=64, default="UTC")
    is_staff = models.BooleanField(default=False)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=now)

    objects = BaseUserManager()

    USERNAME_FIELD = "email"

    class Meta:
        managed = False
        db_table = "users"


class Priority(models.Model):
    name = models.CharField(max_length=50, unique=True)
    level = models.PositiveSmallIntegerField(unique=True)
    color = models.CharField(max_length=7)
    created_at = models.DateTimeField(default=now)

    class Meta:
        managed = False
        db_table = "priorities"


class Tag(models.Model):
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="tags")
    name = models.CharField(max_length=50)
    color = models.CharField(max_length=7, default="#6B7280")
    created_at = models.DateTimeField(default=now)

    class Meta:
        managed = False
        db_table = "tags"


class Task(models.Model):
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="tasks")
    title = models.CharField(max_length=200)
    description = models.TextField(max_length=1000, null=True, blank=True)
    completed = models.BooleanField(default=False)
    completed_at = models.DateTimeField(null=True, blank=True)
    color = models.CharField(max_length=20, default="default")
    pinned = models.BooleanField(default=False)
    archived = models.BooleanField(default=False)
    deleted_at = models.DateTimeField(null=True, blank=True)
    priority = models.ForeignKey(Priority, on_delete=models.PROTECT, default=2, related_name="tasks")
    tags = models.ManyToManyField(Tag, through="TaskTag", related_name="tasks")
    due_at = models.DateTimeField(null=True, blank=True)
    reminder_at = models.DateTimeField(null=True, blank=True)
    reminder_offsets = ArrayField(models.PositiveIntegerField(), size=10, default=list, blank=True)
    snoozed_until = models.DateTimeField(null=True, blank=True)
    reminder_sent = models.BooleanField(default=False)
    reminded_until = models.DateTimeField(null=True, blank=True)
    next_reminder_at = models.DateTimeField(null=True, blank=True)
    due_announced_for = models.DateTimeField(null=True, blank=True)
    is_recurring = models.BooleanField(default=False)
    recurrence_rule = models.CharField(max_length=100, null=True, blank=True)
    recurrence_end = models.DateTimeField(null=True, blank=True)
    recurrence_mode = models.CharField(max_length=16, default="fixed")
    timezone = models.CharField(max_length=64, blank=True, default="UTC")
    series_id = models.UUIDField(null=True, blank=True)
    occurrence_at = models.DateTimeField(null=True, blank=True)
    parent_task = models.ForeignKey(
        "self", on_delete=models.SET_NULL, null=True, blank=True, related_name="occurrences"
    )
    recurring_task_id = models.BigIntegerField(null=True, blank=True)
    version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        managed = False
        db_table = "tasks"
        ordering = ["-created_at"]


class TaskTag(models.Model):
    task = models.ForeignKey(Task, on_delete=models.CASCADE)
    tag = models.ForeignKey(Tag, on_delete=models.CASCADE)
    created_at = models.DateTimeField(default=now)

    class Meta:
        managed = False
        db_table = "task_tags"


class OutboxEvent(models.Model):
    event_id = models.UUIDField(default=uuid.uuid4)
    topic = models.CharField(max_length=100)
    type = models.CharField(max_length=100)
    key = models.CharField(max_length=100)
    subject = models.CharField(max_length=100)
    sequence = models.BigIntegerField()
    time = models.DateTimeField(default=now)
    data = models.JSONField(encoder=DjangoJSONEncoder)
    request_id = models.CharField(max_length=64, blank=True, default="")

    class Meta:
        managed = False
        db_table = "outbox_events"
