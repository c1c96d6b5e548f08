"""Templates that generate tasks by the calendar."""

from datetime import datetime
from typing import ClassVar, Self

from django.contrib.postgres.expressions import ArraySubquery
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models import OuterRef, Q
from django.utils.timezone import now

from accounts_app.models import TIME_ZONE_MAX_LENGTH, User
from accounts_app.preferences import MAX_REMINDER_OFFSET_MINUTES
from recurrence.rules import CRON, RRULE, Series
from recurring_app.validity import CHECKED, check_template
from tasks_app.fields import LocalDateTimeField
from tasks_app.models import DEFAULT_PRIORITY_ID, MAX_REMINDER_OFFSETS, Priority, Tag

MAX_DUE_AFTER_MINUTES = 366 * 24 * 60
LONGEST_FAILURE = 500


class RecurringTaskQuerySet(models.QuerySet["RecurringTask"]):
    def with_tag_ids(self) -> Self:
        """Each template with `tag_ids`."""
        tags = RecurringTask.tags.through.objects.filter(recurringtask=OuterRef("pk"))
        return self.annotate(tag_ids=ArraySubquery(tags.order_by("tag_id").values("tag_id")))

    def locked(self) -> Self:
        """The rows locked for this transaction, in the order of their ids."""
        return self.select_for_update(of=("self",), no_key=True).order_by("pk")


class RecurringTask(models.Model):
    """A template: a task is generated from it when `next_occurrence` comes (recurring_app/generation.py).

    A finished one is inactive and has no next occurrence; a paused one is inactive and has one.
    """

    class Pattern(models.TextChoices):
        DAILY = "daily"
        WEEKLY = "weekly"
        MONTHLY = "monthly"
        WEEKDAYS = "weekdays"
        CUSTOM = "custom"

    class CatchUp(models.TextChoices):
        LATEST = "latest"
        ALL = "all"
        SKIP = "skip"

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="recurring_tasks", db_index=False)
    template_title = models.CharField(max_length=200)
    template_description = models.TextField(max_length=1000, null=True, blank=True)  # noqa: DJ001 - the API's null
    recurrence_pattern = models.CharField(max_length=10, choices=Pattern)
    cron_expression = models.CharField(max_length=95, null=True, blank=True)  # noqa: DJ001 - null: no cron
    rrule = models.CharField(max_length=255, null=True, blank=True)  # noqa: DJ001 - null: no rrule
    timezone = models.CharField(max_length=TIME_ZONE_MAX_LENGTH, default="UTC")
    starts_at = LocalDateTimeField(help_text="Wall-clock time in the template's time zone.")
    ends_at = models.DateTimeField(null=True, blank=True)
    next_occurrence = models.DateTimeField(null=True, blank=True)
    catch_up = models.CharField(max_length=6, choices=CatchUp, default=CatchUp.LATEST)
    priority = models.ForeignKey(Priority, on_delete=models.PROTECT, default=DEFAULT_PRIORITY_ID)
    tags = models.ManyToManyField(Tag, blank=True, related_name="recurring_tasks")
    due_after_minutes = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=[MaxValueValidator(MAX_DUE_AFTER_MINUTES)],
        help_text="From the occurrence to the due time of its task; empty: no due time.",
    )
    reminder_offsets = ArrayField(
        models.PositiveIntegerField(validators=[MaxValueValidator(MAX_REMINDER_OFFSET_MINUTES)]),
        size=MAX_REMINDER_OFFSETS,
        default=list,
        blank=True,
    )
    is_active = models.BooleanField(default=True)
    # Why the last generation failed, and when; generation tries again later, and others do not wait for it.
    failure = models.CharField(
        max_length=LONGEST_FAILURE, blank=True, default="", db_default="", editable=False
    )
    failed_at = models.DateTimeField(null=True, blank=True, editable=False)
    version = models.PositiveIntegerField(default=1, db_default=1, editable=False)
    created_at = models.DateTimeField(default=now, editable=False)
    updated_at = models.DateTimeField(default=now, editable=False)

    objects: ClassVar[RecurringTaskQuerySet] = RecurringTaskQuerySet.as_manager()  # type: ignore[assignment]

    # Set by with_tag_ids().
    tag_ids: list[int] | None = None

    class Meta:
        db_table = "recurring_tasks"
        ordering = ["-created_at", "-id"]
        constraints = [
            models.CheckConstraint(condition=~Q(template_title=""), name="template_title_not_empty"),
            models.CheckConstraint(
                condition=Q(recurrence_pattern="custom", cron_expression__isnull=False, rrule__isnull=True)
                | Q(recurrence_pattern="custom", cron_expression__isnull=True, rrule__isnull=False)
                | (~Q(recurrence_pattern="custom") & Q(cron_expression__isnull=True) & Q(rrule__isnull=True)),
                name="template_one_rule_only_with_custom",
            ),
        ]
        indexes = [
            models.Index(fields=["user", "-created_at", "-id"], name="templates_by_creation"),
            models.Index(
                fields=["next_occurrence"],
                condition=Q(next_occurrence__isnull=False, is_active=True),
                name="templates_to_generate",
            ),
        ]

    def __str__(self) -> str:
        return self.template_title

    @property
    def rule(self) -> str:
        """The template's rhythm as recurrence.rules reads it."""
        if self.recurrence_pattern != self.Pattern.CUSTOM:
            return self.recurrence_pattern
        if self.rrule is not None:
            return f"{RRULE}{self.rrule.removeprefix(RRULE)}"
        return f"{CRON}{self.cron_expression or ''}"

    @property
    def series(self) -> Series:
        return Series(rule=self.rule, timezone=self.timezone, anchor=self.starts_at, until=self.ends_at)

    def is_due(self, at: datetime) -> bool:
        return self.is_active and self.next_occurrence is not None and self.next_occurrence <= at

    @property
    def is_finished(self) -> bool:
        return not self.is_active and self.next_occurrence is None

    def clean(self) -> None:
        """Check the fields that depend on each other. Raises ValidationError, by field."""
        check_template(self, CHECKED)
