"""The record of a user's move to another time zone (tasks_app/moving.py)."""

from django.db import models
from django.utils.timezone import now

from accounts_app.models import TIME_ZONE_MAX_LENGTH, User


class SeriesMove(models.Model):
    """A user moves all open series to this time zone. The row goes when all of them have moved."""

    user = models.OneToOneField(User, on_delete=models.CASCADE, related_name="series_move")
    timezone = models.CharField(max_length=TIME_ZONE_MAX_LENGTH)
    requested_at = models.DateTimeField(default=now, editable=False)

    class Meta:
        db_table = "series_moves"
        ordering = ["requested_at", "id"]

    def __str__(self) -> str:
        return self.timezone
