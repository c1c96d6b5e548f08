"""What a task is labelled with: its priority and its tags."""

from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import Q
from django.utils.timezone import now

from accounts_app.models import User

HEX_COLOR = r"^#[0-9A-Fa-f]{6}$"
hex_color = RegexValidator(HEX_COLOR, "A colour is # and six hexadecimal digits, such as #6B7280.")


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
