"""Tasks.

A save of a task locks its row and writes only what this copy of it changed: a stale copy undoes nothing,
and whether it was completed or trashed is decided against the row, not against what was read earlier.
"""

from collections.abc import Collection, Iterable
from contextlib import suppress
from types import SimpleNamespace
from typing import Any, ClassVar, NoReturn, Self

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.core.validators import MaxValueValidator, MinLengthValidator
from django.db import NotSupportedError, models, transaction
from django.db.models import DO_NOTHING, Q
from django.db.models.signals import post_save
from django.utils.timezone import now

from accounts_app.models import TIME_ZONE_MAX_LENGTH, User
from accounts_app.preferences import MAX_REMINDER_OFFSET_MINUTES
from tasks_app import task_writes
from tasks_app.all_day import derive_due
from tasks_app.derived_fields import INDEXED
from tasks_app.fields import LocalDateTimeField
from tasks_app.labels import Priority as Priority
from tasks_app.labels import Tag as Tag
from tasks_app.querysets import WITH_THE_TASK, TaskManager, TaskQuerySet, TaskTagQuerySet
from tasks_app.searching import WORDS
from tasks_app.series_move import SeriesMove as SeriesMove
from tasks_app.slots import SeriesSlot as SeriesSlot
from tasks_app.task_writes import Draft
from tasks_app.validity import check_task

# Still to be done.
OPEN = Q(completed=False, archived=False, deleted_at__isnull=True)
# Medium, by the data migration, so that a new task needs no query to find its default.
DEFAULT_PRIORITY_ID = 2
MAX_REMINDER_OFFSETS = 10


class Task(models.Model):
    """Something a person wants to remember, and its place in a series when it recurs."""

    class RecurrenceMode(models.TextChoices):
        FIXED = "fixed"
        AFTER_COMPLETION = "after_completion"

    class SlotState(models.TextChoices):
        OPEN = "open"
        MOVED = "moved"
        DONE = "done"
        SKIPPED = "skipped"
        DELETED = "deleted"

    # CASCADE, so that erasure finds the tasks of a user; User.delete() refuses while there are any.
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="tasks", db_index=False)
    external_id = models.CharField(max_length=200, null=True, blank=True)  # noqa: DJ001 - null in the API
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
    # tasks_app/all_day.py. The owner's day_starts_at is copied, so that the row alone says when it rings.
    due_date = models.DateField(null=True, blank=True, help_text="Instead of due_at: due on a day.")
    all_day = models.BooleanField(default=False, db_default=False, editable=False)
    day_starts_at = models.TimeField(null=True, blank=True, editable=False)

    # Reminders: one instant, or minutes before due_at.
    reminder_at = models.DateTimeField(null=True, blank=True)
    reminder_offsets = ArrayField(
        models.PositiveIntegerField(validators=[MaxValueValidator(MAX_REMINDER_OFFSET_MINUTES)]),
        size=MAX_REMINDER_OFFSETS,
        default=list,
        blank=True,
    )
    snoozed_until = models.DateTimeField(null=True, blank=True)
    rings_in_quiet_hours = models.BooleanField(default=False, db_default=False)
    reminder_sent = models.BooleanField(default=False, editable=False)
    # Reminders at or before this instant have been claimed, or were past already when they were set.
    reminded_until = models.DateTimeField(null=True, blank=True, editable=False)
    # Derived on every save (tasks_app/derived_fields.py); null: nothing to do. The scan reads only this.
    next_reminder_at = models.DateTimeField(null=True, blank=True, editable=False)
    due_announced_for = models.DateTimeField(null=True, blank=True, editable=False)

    # Recurrence: a series is series_id + anchor_local + timezone + rule, copied to each occurrence.
    is_recurring = models.BooleanField(default=False)
    recurrence_rule = models.CharField(max_length=255, null=True, blank=True)  # noqa: DJ001 - null in the API
    recurrence_end = models.DateTimeField(null=True, blank=True)
    recurrence_mode = models.CharField(max_length=16, choices=RecurrenceMode, default=RecurrenceMode.FIXED)
    timezone = models.CharField(max_length=TIME_ZONE_MAX_LENGTH, blank=True, default="")
    series_id = models.UUIDField(null=True, blank=True, editable=False)
    anchor_local = LocalDateTimeField(null=True, blank=True, editable=False)
    occurrence_at = models.DateTimeField(null=True, blank=True, editable=False)
    series_has_due = models.BooleanField(null=True, blank=True, editable=False)  # tasks_app/series.py
    series_all_day = models.BooleanField(null=True, blank=True, editable=False)
    reminder_distance = models.IntegerField(null=True, blank=True, editable=False)  # wall-clock minutes
    # Null also in rows that have not changed since there is this column.
    slot_state = models.CharField(max_length=7, choices=SlotState, null=True, blank=True, editable=False)  # noqa: DJ001
    # Of a successor: its version as a completion or an undo left it. At another version it has been changed.
    untouched_version = models.IntegerField(null=True, blank=True, editable=False)
    # References are set to null by task_writes.erase() and services.release_from_templates().
    parent_task = models.ForeignKey(
        "self", on_delete=DO_NOTHING, null=True, blank=True, related_name="occurrences", db_index=False
    )
    generated_from = models.OneToOneField(
        "self", on_delete=DO_NOTHING, null=True, blank=True, related_name="successor", editable=False
    )
    recurring_task = models.ForeignKey(
        "recurring_app.RecurringTask",
        on_delete=DO_NOTHING,
        null=True,
        blank=True,
        related_name="tasks",
        db_index=False,
    )

    version = models.PositiveIntegerField(default=1, editable=False)
    created_at = models.DateTimeField(default=now, editable=False)
    updated_at = models.DateTimeField(default=now, editable=False)

    # For indexes only: computed when title or description is written (tasks_app/derived_fields.py).
    # Null in rows that an older release wrote, until a tick fills them.
    words = SearchVectorField(null=True, editable=False)
    title_key = models.TextField(null=True, editable=False, db_collation="C")  # noqa: DJ001

    objects: ClassVar[TaskQuerySet[Self]] = TaskManager()

    # The columns as the row had them at the last read or write: what differs was changed here.
    stored: Any = None
    # The transaction that has held the row's lock since this copy was read (TaskQuerySet.locked()).
    locked_in: int | None = None
    # The ids of its tags, as the last write of this copy found them; None: not read.
    tag_ids: list[int] | None = None

    class Meta:
        db_table = "tasks"
        ordering = ["-created_at", "-id"]
        # What deletes rows by the base manager, as the erasure of an account does, is recorded too.
        base_manager_name = "objects"
        constraints = [
            models.CheckConstraint(condition=~Q(title=""), name="task_title_not_empty"),
            models.CheckConstraint(
                condition=Q(reminder_at__isnull=True) | Q(reminder_offsets=[]),
                name="task_reminder_at_or_offsets",
            ),
            models.UniqueConstraint(
                fields=["user", "external_id"],
                condition=Q(external_id__isnull=False),
                name="task_external_id_unique",
            ),
            models.UniqueConstraint(fields=["series_id", "occurrence_at"], name="task_once_per_series_slot"),
            models.UniqueConstraint(
                fields=["recurring_task", "occurrence_at"], name="task_once_per_template_slot"
            ),
        ]
        indexes = [
            models.Index(fields=["user", "-created_at", "-id"], name="tasks_by_creation"),
            models.Index(fields=["user", "due_at", "id"], name="tasks_by_due"),
            models.Index(fields=["user", "reminder_at", "id"], name="tasks_by_reminder"),
            models.Index(fields=["user", "completed_at", "id"], name="tasks_by_completion"),
            models.Index(fields=["user", "title_key", "id"], name="tasks_by_title_key"),
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
            GinIndex(fields=["words"], name="tasks_words"),
            models.Index(fields=["id"], condition=Q(words__isnull=True), name="tasks_without_words"),
        ]

    def __str__(self) -> str:
        return self.title

    def save(
        self,
        *args: Any,
        update_fields: Iterable[str] | None = None,
        tag_ids: Collection[int] | None = None,
        **options: Any,
    ) -> None:
        """Write what this copy changed, over the row as it is now, with its event; nothing when nothing was.

        `tag_ids`, when given, are the ids of all its tags from then on. Django's other options make no
        difference. Raises Task.DoesNotExist when the row has been erased meanwhile.
        """
        created = self._state.adding
        if update_fields is not None and not created:
            self._keep_only({self._column(name) for name in update_fields})
        with transaction.atomic(savepoint=False):
            write = task_writes.insert if created else task_writes.update
            change = next(iter(write([Draft(self, tag_ids)])), None)
            post_save.send(Task, instance=self, created=created, raw=False, change=change)

    def delete(self, *args: Any, **options: Any) -> tuple[int, dict[str, int]]:
        """Erase the row, past the trash, with its event."""
        return Task.objects.filter(pk=self.pk).delete()

    def clean(self) -> None:
        """Hold what this copy changed against the rules in validity.py. Raises ValidationError, by field.

        Sets the zone if there is none, and makes due_date and due_at agree, as a write does.
        """
        changed, before = (set(COLUMNS), None) if self._state.adding else (self.touched(), self.stored)
        if not self.timezone:  # a task without user is refused by that field
            self.timezone = self.user.timezone if self.user_id else "UTC"
        with suppress(ValueError):  # check_task() says what is wrong with the day or the zone
            derive_due(self, before)
        check_task(self, changed, before)

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
        """What this copy holds is what the row holds: changes count from here, and under a new lock."""
        values = {name: self.__dict__[name] for name in COLUMNS if name in self.__dict__}
        if "reminder_offsets" in values:
            # A copy, so that a change inside it is seen.
            values["reminder_offsets"] = list(values["reminder_offsets"])
        self.stored = SimpleNamespace(**values)
        self.locked_in = None

    @property
    def is_untouched(self) -> bool:
        """Whether this is a successor that no one has edited, snoozed or completed, and that has not rung."""
        return self.version == self.untouched_version

    def touched(self) -> set[str]:
        """The names of the columns that differ from what this copy was read with."""
        return {name for name, value in vars(self.stored).items() if self.__dict__[name] != value}

    def take_over(self, row: "Task") -> None:
        """Take what was not changed here from the row, which has been read under its lock."""
        mine = self.touched()
        for name in COLUMNS:
            if name not in mine:
                setattr(self, name, row.__dict__[name])
        self.stored, self.locked_in = row.stored, row.locked_in

    def _keep_only(self, names: set[str]) -> None:
        """Forget the changes of all other columns."""
        for name in self.touched() - names:
            setattr(self, name, getattr(self.stored, name))

    def _column(self, name: str) -> str:
        field = self._meta.get_field(name)
        assert isinstance(field, models.Field)
        return field.attname


COLUMNS = [field.attname for field in Task._meta.concrete_fields if field.attname not in INDEXED]


class TaskTag(models.Model):
    """A task has a tag. It is written with the task, and goes before either (tasks_app/task_writes.py)."""

    task = models.ForeignKey(Task, on_delete=DO_NOTHING, related_name="task_tags", db_index=False)
    tag = models.ForeignKey(Tag, on_delete=DO_NOTHING, related_name="task_tags")
    created_at = models.DateTimeField(default=now, editable=False)

    objects: ClassVar[TaskTagQuerySet[Self]] = TaskTagQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        db_table = "task_tags"
        constraints = [models.UniqueConstraint(fields=["task", "tag"], name="task_tag_unique")]

    def __str__(self) -> str:
        return f"{self.task_id}: {self.tag_id}"

    def save(self, *args: Any, **options: Any) -> NoReturn:
        raise NotSupportedError(WITH_THE_TASK)

    def delete(self, *args: Any, **options: Any) -> NoReturn:
        raise NotSupportedError(WITH_THE_TASK)
