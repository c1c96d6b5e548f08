"""What became of the slots of a series or of a template."""

from django.db import models
from django.db.models import Q
from django.utils.timezone import now

from accounts_app.models import User


class SeriesSlot(models.Model):
    """What became of one slot of a series or of a template. It stays when the slot's task is erased."""

    class Outcome(models.TextChoices):
        DONE = "done"
        SKIPPED = "skipped"
        MISSED = "missed"
        DELETED = "deleted"
        # Of a template: a task was generated.
        MADE = "made"

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="series_slots")
    series_id = models.UUIDField(null=True, blank=True)
    recurring_task = models.ForeignKey(
        "recurring_app.RecurringTask",
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="slots",
        db_index=False,
    )
    slot_at = models.DateTimeField()
    outcome = models.CharField(max_length=7, choices=Outcome)
    recorded_at = models.DateTimeField(default=now, editable=False)
    # Of a series: the task that was here, and its version when it was completed, skipped or erased. The event
    # of a completion up to that version is a repeated one. No foreign key: a slot outlives its task.
    task_id = models.BigIntegerField(null=True, blank=True, editable=False)
    version = models.IntegerField(null=True, blank=True, editable=False)

    class Meta:
        db_table = "series_slots"
        ordering = ["-slot_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["series_id", "slot_at"], name="slot_once_per_series"),
            models.UniqueConstraint(fields=["recurring_task", "slot_at"], name="slot_once_per_template"),
            models.CheckConstraint(
                condition=Q(series_id__isnull=False, recurring_task__isnull=True)
                | Q(series_id__isnull=True, recurring_task__isnull=False),
                name="slot_of_series_or_template",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.outcome} {self.slot_at:%Y-%m-%d %H:%M}"
