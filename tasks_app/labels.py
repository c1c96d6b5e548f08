"""What a task is labelled with: its priority and its tags."""

from collections.abc import Collection
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models, transaction
from django.db.models import Q
from django.utils.timezone import now

from accounts_app.models import User
from tasks_app import label_events
from tasks_app.querysets import LabelQuerySet
from tasks_app.visible import hidden_character, is_blank, key_of_name

TAG_EXISTS = "You already have a tag with this name."
HEX_COLOR = r"^#[0-9A-Fa-f]{6}$"
hex_color = RegexValidator(HEX_COLOR, "A colour is # and six hexadecimal digits, such as #6B7280.")


class Label(models.Model):
    """What tags and priorities have in common: each change is a version and an event (label_events.py)."""

    shown: tuple[str, ...] = ("name", "color")

    version = models.PositiveIntegerField(default=1, db_default=1, editable=False)

    class Meta:
        abstract = True

    def save(self, *args: Any, **options: Any) -> None:
        with transaction.atomic(savepoint=False):
            stored = None if self._state.adding else self.locked()
            changed = stored is None or self._differs_from(stored)
            if stored is not None:
                self.version = stored.version + changed
                if options.get("update_fields") is not None:
                    options["update_fields"] = {*options["update_fields"], "version"}
            super().save(*args, **options)
            if changed:
                label_events.record([self], "updated" if stored else "created")

    def _differs_from(self, stored: Any) -> bool:
        return any(getattr(self, name) != getattr(stored, name) for name in self.shown)

    def locked(self) -> Any:
        rows = type(self)._base_manager.select_for_update(no_key=True)
        return rows.filter(pk=self.pk).first()


class Priority(Label):
    """How much a task matters: a table, so that operators can add the fifth level."""

    shown = ("name", "level", "color")

    name = models.CharField(max_length=50, unique=True)
    level = models.PositiveSmallIntegerField(
        unique=True, validators=[MinValueValidator(1), MaxValueValidator(5)]
    )
    color = models.CharField(max_length=7, validators=[hex_color])
    created_at = models.DateTimeField(default=now, editable=False)

    objects = LabelQuerySet["Priority"].as_manager()

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


def visible_name(value: str) -> None:
    """Raises ValidationError naming a character that no one sees."""
    if hidden := hidden_character(value):
        raise ValidationError(f"Remove the invisible character {hidden}.", code="hidden_character")
    if is_blank(value):
        raise ValidationError("There is nothing to see in this name.", code="blank")


class TagQuerySet(LabelQuerySet["Tag"]):
    def named(self, user_id: Any, names: Collection[str]) -> "TagQuerySet":
        """The user's tags of these names, in any form."""
        same = Q(name_key__in=[key_of_name(name) for name in names]) | Q(name_key=None, name__in=names)
        return self.filter(same, user=user_id)


class TagKeyField(models.CharField):  # type: ignore[type-arg]
    """Computed from the name at each write, of many tags at once too."""

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        assert isinstance(model_instance, Tag)
        model_instance.name_key = key_of_name(model_instance.name)
        return model_instance.name_key


class Tag(Label):
    """A user's own word for some of their tasks. "Home" and "home" are one; the form first written stays."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="tags", db_index=False)
    name = models.CharField(max_length=50, validators=[visible_name])
    # Null in rows that an older release wrote, until tasks_app/older_rows.py merges them.
    name_key = TagKeyField(max_length=200, null=True, editable=False)
    color = models.CharField(max_length=7, default="#6B7280", validators=[hex_color])
    created_at = models.DateTimeField(default=now, editable=False)

    objects = TagQuerySet.as_manager()

    class Meta:
        db_table = "tags"
        ordering = ["name", "id"]
        constraints = [
            models.UniqueConstraint(fields=["user", "name"], name="tag_unique_per_user"),
            models.UniqueConstraint(fields=["user", "name_key"], name="tag_unique_by_key"),
            models.CheckConstraint(condition=Q(color__regex=HEX_COLOR), name="tag_color_is_hex"),
            models.CheckConstraint(condition=~Q(name=""), name="tag_name_not_empty"),
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        if Tag.objects.named(self.user_id, [self.name]).exclude(pk=self.pk).exists():
            raise ValidationError({"name": ValidationError(TAG_EXISTS, code="unique")})
