"""Templates that make tasks by the calendar."""

from datetime import datetime

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.utils.timezone import now

from accounts_app.models import TIME_ZONE_MAX_LENGTH, User
from recurrence.rules import CRON, RuleError, check_rule, instant_of
from tasks_app.fields import LocalDateTimeField
from tasks_app.models import DEFAULT_PRIORITY_ID, MAX_REMINDER_OFFSETS, Priority, Tag


class RecurringTask(models.Model):
    """A template: beat makes a task of it when `next_occurrence` comes."""

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
    timezone = models.CharField(max_length=TIME_ZONE_MAX_LENGTH, default="UTC")
    starts_at = LocalDateTimeField(help_text="Wall-clock time in the template's time zone.")
    ends_at = models.DateTimeField(null=True, blank=True)
    next_occurrence = models.DateTimeField(null=True, blank=True)
    catch_up = models.CharField(max_length=6, choices=CatchUp, default=CatchUp.LATEST)
    priority = models.ForeignKey(Priority, on_delete=models.PROTECT, default=DEFAULT_PRIORITY_ID)
    tags = models.ManyToManyField(Tag, blank=True, related_name="recurring_tasks")
    due_after_minutes = models.PositiveIntegerField(null=True, blank=True)
    reminder_offsets = ArrayField(
        models.PositiveIntegerField(), size=MAX_REMINDER_OFFSETS, default=list, blank=True
    )
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=now, editable=False)
    updated_at = models.DateTimeField(default=now, editable=False)

    class Meta:
        db_table = "recurring_tasks"
        ordering = ["-created_at", "-id"]
        constraints = [
            models.CheckConstraint(condition=~Q(template_title=""), name="template_title_not_empty"),
            models.CheckConstraint(
                condition=Q(recurrence_pattern="custom", cron_expression__isnull=False)
                | (~Q(recurrence_pattern="custom") & Q(cron_expression__isnull=True)),
                name="template_cron_only_with_custom",
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
        custom = self.recurrence_pattern == self.Pattern.CUSTOM
        return f"{CRON}{self.cron_expression or ''}" if custom else self.recurrence_pattern

    def clean(self) -> None:
        """What the fields must be together. Raises ValidationError, by field."""
        if self.recurrence_pattern != self.Pattern.CUSTOM and self.cron_expression is not None:
            message = "Only the pattern custom has a cron expression: empty it, or choose custom."
            raise ValidationError({"cron_expression": ValidationError(message, code="conflict")})
        self._check_rule()
        if self.ends_at is not None and not self._begins_before(self.ends_at):
            message = "The end must not lie before the start."
            raise ValidationError({"ends_at": ValidationError(message, code="past")})

    def _check_rule(self) -> None:
        try:
            check_rule(self.rule, timezone=self.timezone, shortest_interval=settings.SHORTEST_RECURRENCE)
        except RuleError as error:
            custom = self.recurrence_pattern == self.Pattern.CUSTOM
            rule_field = "cron_expression" if custom else "recurrence_pattern"
            name = "timezone" if error.code == "bad_timezone" else rule_field
            raise ValidationError({name: ValidationError(str(error), code=error.code)}) from error

    def _begins_before(self, end: datetime) -> bool:
        if self.starts_at is None:  # refused by its own field
            return True
        begin = instant_of(self.starts_at, self.timezone)
        return begin is None or begin <= end
