"""Tasks, priorities and tags.

A save of a task locks its row and writes only what this copy of it changed: a stale copy undoes nothing,
and what happened (completed, trashed ...) is told by comparing with the row, not with what was once read.
"""

from collections.abc import Iterable
from typing import Any, ClassVar, Self

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.core.validators import MaxValueValidator, MinLengthValidator, MinValueValidator, RegexValidator
from django.db import models, transaction
from django.db.models import Q
from django.utils.timezone import now

from accounts_app.models import TIME_ZONE_MAX_LENGTH, User
from tasks_app.fields import LocalDateTimeField
from tasks_app.querysets import TaskQuerySet, TaskTagQuerySet
from tasks_app.searching import WORDS
from tasks_app.settling import settle
from tasks_app.validity import check_task

# Still to be done.
OPEN = Q(completed=False, archived=False, deleted_at__isnull=True)
HEX_COLOR = r"^#[0-9A-Fa-f]{6}$"
hex_color = RegexValidator(HEX_COLOR, "A colour is # and six hexadecimal digits, such as #6B7280.")
# Medium. The data migration gives it this id, so that a new task needs no query to find its default.
DEFAULT_PRIORITY_ID = 2
MAX_REMINDER_OFFSETS = 10
MAX_REMINDER_OFFSET_MINUTES = 366 * 24 * 60  # a year ahead: a passport, an insurance


class Priority(models.Model):
    """How much a task matters: a table, so that operators can add the fifth level."""

    name = models.CharField(max_length=50, unique=True)
    level = models.PositiveSmallIntegerField(
        unique=True, validators=[MinValueValidator(1), MaxValueValidator(5)]
    )
    color = models.CharField(max_length=7, validators=[hex_color])
    created_at = models.DateTimeField(default=now, editable=False)

    class Meta:
        db_table = "priorities"
        ordering = ["level"]
        verbose_name_plural = "priorities"
        constraints = [
            models.CheckConstraint(condition=Q(level__gte=1, level__lte=5), name="priority_level_1_to_5"),
            models.CheckConstraint(condition=Q(color__regex=HEX_COLOR), name="priority_color_is_hex"),
            models.CheckConstraint(condition=~Q(name=""), name="priority_name_not_empty"),
        ]

    def __str__(self) -> str:
        return self.name


class Tag(models.Model):
    """A user's own word for some of their tasks."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="tags", db_index=False)
    name = models.CharField(max_length=50)
    color = models.CharField(max_length=7, default="#6B7280", validators=[hex_color])
    created_at = models.DateTimeField(default=now, editable=False)

    class Meta:
        db_table = "tags"
        ordering = ["name", "id"]
        constraints = [
            models.UniqueConstraint(fields=["user", "name"], name="tag_unique_per_user"),
            models.CheckConstraint(condition=Q(color__regex=HEX_COLOR), name="tag_color_is_hex"),
            models.CheckConstraint(condition=~Q(name=""), name="tag_name_not_empty"),
        ]

    def __str__(self) -> str:
        return self.name


class Task(models.Model):
    """Something a person wants to remember, and its place in a series when it recurs."""

    class RecurrenceMode(models.TextChoices):
        FIXED = "fixed"
        AFTER_COMPLETION = "after_completion"

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="tasks", db_index=False)
    title = models.CharField(max_length=200, validators=[MinLengthValidator(1)])
    description = models.TextField(max_length=1000, null=True, blank=True)  # noqa: DJ001 - null in the API
    completed = models.BooleanField(default=False)
    completed_at = models.DateTimeField(null=True, blank=True, editable=False)
    color = models.CharField(max_length=20, default="default")
    pinned = models.BooleanField(default=False)
    archived = models.BooleanField(default=False)
    deleted_at = models.DateTimeField(null=True, blank=True, help_text="Set while the task is in the trash.")
    priority = models.ForeignKey(
        Priority, on_delete=models.PROTECT, default=DEFAULT_PRIORITY_ID, related_name="tasks", db_index=False
    )
    tags = models.ManyToManyField(Tag, through="TaskTag", related_name="tasks")
    due_at = models.DateTimeField(null=True, blank=True)

    # Reminders: one instant, or minutes before due_at.
    reminder_at = models.DateTimeField(null=True, blank=True)
    reminder_offsets = ArrayField(
        models.PositiveIntegerField(validators=[MaxValueValidator(MAX_REMINDER_OFFSET_MINUTES)]),
        size=MAX_REMINDER_OFFSETS,
        default=list,
        blank=True,
    )
    snoozed_until = models.DateTimeField(null=True, blank=True)
    reminder_sent = models.BooleanField(default=False, editable=False)
    # Reminders at or before this instant have been claimed, or were past already when they were set.
    reminded_until = models.DateTimeField(null=True, blank=True, editable=False)
    # Derived on every save (tasks_app/settling.py); null: nothing to do. The scan reads only this.
    next_reminder_at = models.DateTimeField(null=True, blank=True, editable=False)
    due_announced_for = models.DateTimeField(null=True, blank=True, editable=False)

    # Recurrence: a series is series_id + anchor_local + timezone + rule, copied to each occurrence.
    is_recurring = models.BooleanField(default=False)
    recurrence_rule = models.CharField(max_length=100, null=True, blank=True)  # noqa: DJ001 - null in the API
    recurrence_end = models.DateTimeField(null=True, blank=True)
    recurrence_mode = models.CharField(max_length=16, choices=RecurrenceMode, default=RecurrenceMode.FIXED)
    timezone = models.CharField(max_length=TIME_ZONE_MAX_LENGTH, blank=True, default="")
    series_id = models.UUIDField(null=True, blank=True, editable=False)
    anchor_local = LocalDateTimeField(null=True, blank=True, editable=False)
    occurrence_at = models.DateTimeField(null=True, blank=True, editable=False)
    parent_task = models.ForeignKey(
        "self", on_delete=models.SET_NULL, null=True, blank=True, related_name="occurrences", db_index=False
    )
    generated_from = models.OneToOneField(
        "self", on_delete=models.SET_NULL, null=True, blank=True, related_name="successor", editable=False
    )
    recurring_task = models.ForeignKey(
        "recurring_app.RecurringTask",
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="tasks",
        db_index=False,
    )

    version = models.PositiveIntegerField(default=1, editable=False)
    created_at = models.DateTimeField(default=now, editable=False)
    updated_at = models.DateTimeField(default=now, editable=False)

    objects: ClassVar[TaskQuerySet] = TaskQuerySet.as_manager()  # type: ignore[assignment]

    # The locked row this copy was last saved over (None: created), and what a delete found under its lock.
    before: "Task | None" = None
    doomed: "tuple[Task, list[int]] | None" = None
    told_by_queryset: bool = False
    # The tags it is to have when it is written by its queryset, and has then. None: unknown, they stay.
    tag_ids: list[int] | None = None

    class Meta:
        db_table = "tasks"
        ordering = ["-created_at", "-id"]
        # SET_NULL of a deleted head or template goes through the base manager: its events too are recorded.
        base_manager_name = "objects"
        constraints = [
            models.CheckConstraint(condition=~Q(title=""), name="task_title_not_empty"),
            models.CheckConstraint(
                condition=Q(reminder_at__isnull=True) | Q(reminder_offsets=[]),
                name="task_reminder_at_or_offsets",
            ),
            models.UniqueConstraint(fields=["series_id", "occurrence_at"], name="task_once_per_series_slot"),
            models.UniqueConstraint(
                fields=["recurring_task", "occurrence_at"], name="task_once_per_template_slot"
            ),
        ]
        indexes = [
            models.Index(fields=["user", "-created_at", "-id"], name="tasks_by_creation"),
            models.Index(fields=["user", "-updated_at", "-id"], name="tasks_by_update"),
            models.Index(fields=["user", "due_at", "id"], name="tasks_by_due"),
            models.Index(fields=["user", "reminder_at", "id"], name="tasks_by_reminder"),
            models.Index(fields=["user", "completed_at", "id"], name="tasks_by_completion"),
            models.Index(fields=["user", "title", "id"], name="tasks_by_title"),
            models.Index(fields=["user", "priority"], name="tasks_by_priority"),
            models.Index(fields=["priority"], name="tasks_of_priority"),
            models.Index(
                fields=["next_reminder_at"],
                condition=Q(next_reminder_at__isnull=False),
                name="tasks_to_remind",
            ),
            models.Index(fields=["due_at"], condition=OPEN & Q(due_at__isnull=False), name="tasks_due_open"),
            models.Index(fields=["deleted_at"], condition=Q(deleted_at__isnull=False), name="tasks_in_trash"),
            *(
                models.Index(fields=["user", "-created_at", "-id"], condition=few, name=name)
                for name, few in {
                    "tasks_archived": Q(archived=True),
                    "tasks_trashed": Q(deleted_at__isnull=False),
                    "tasks_pinned": Q(pinned=True),
                    "tasks_recurring": Q(is_recurring=True),
                }.items()
            ),
            models.Index(
                fields=["parent_task"], condition=Q(parent_task__isnull=False), name="tasks_by_head"
            ),
            GinIndex("user_id", WORDS, name="tasks_search"),
        ]

    def __str__(self) -> str:
        return self.title

    def save(
        self,
        *args: Any,
        force_insert: Any = False,
        using: str | None = None,
        update_fields: Iterable[str] | None = None,
        **kwargs: Any,
    ) -> None:
        """Write what this copy changed, over the row as it is now, with its event; nothing when nothing did.

        Raises Task.DoesNotExist when the row has been erased meanwhile.
        """
        with transaction.atomic(using=using, savepoint=False):
            if self._state.adding:
                settle(self, None, now=now())
                super().save(*args, force_insert=True, using=using, **kwargs)
            else:
                self.lock_row(update_fields)
                if changed := settle(self, self.before, now=now()):
                    super().save(*args, using=using, update_fields=changed, **kwargs)
        self.remember()

    def clean(self) -> None:
        """Hold what this copy changed against the rules in validity.py. Raises ValidationError, by field."""
        every = {field.attname for field in self._meta.concrete_fields}
        check_task(self, every if self._state.adding else self.touched())

    @classmethod
    def from_db(cls, *args: Any, **kwargs: Any) -> Self:
        task = super().from_db(*args, **kwargs)
        task.remember()
        return task

    def refresh_from_db(self, *args: Any, **kwargs: Any) -> None:
        super().refresh_from_db(*args, **kwargs)
        self.tag_ids = None
        self.remember()

    def remember(self) -> None:
        """What this copy holds is what the row holds: changes count from here."""
        loaded = self.__dict__ | {"_loaded": None}
        if "reminder_offsets" in loaded:
            loaded["reminder_offsets"] = list(self.reminder_offsets)  # so that a change inside it is seen
        self._loaded = loaded

    def touched(self) -> set[str]:
        """The names of the fields that differ from what this copy was read with."""
        return {name for name, value in self.field_values().items() if value != self._loaded.get(name, value)}

    def field_values(self) -> dict[str, Any]:
        """The loaded fields by column name; lists are copied, so that a change inside one is seen."""
        names = [field.attname for field in self._meta.concrete_fields if field.attname in self.__dict__]
        values = {name: self.__dict__[name] for name in names}
        return {name: list(value) if isinstance(value, list) else value for name, value in values.items()}

    def lock_row(self, update_fields: Iterable[str] | None = None) -> None:
        """Lock the row (`before` from now on) and take from it what this copy did not change."""
        row = Task.objects.locked().get(pk=self.pk)
        mine = self.touched() if update_fields is None else {self._column(name) for name in update_fields}
        for name, value in row.field_values().items():
            if name not in mine:
                setattr(self, name, value)
        self.before = row

    def _column(self, name: str) -> str:
        field = self._meta.get_field(name)
        assert isinstance(field, models.Field)
        return field.attname


class TaskTag(models.Model):
    """A task has a tag. Adding or removing one is a change of the task."""

    task = models.ForeignKey(Task, on_delete=models.CASCADE, related_name="task_tags", db_index=False)
    tag = models.ForeignKey(Tag, on_delete=models.CASCADE, related_name="task_tags")
    created_at = models.DateTimeField(default=now, editable=False)

    objects: ClassVar[TaskTagQuerySet] = TaskTagQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        db_table = "task_tags"
        constraints = [models.UniqueConstraint(fields=["task", "tag"], name="task_tag_unique")]

    def __str__(self) -> str:
        return f"{self.task_id}: {self.tag_id}"
