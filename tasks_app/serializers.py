"""Priorities and tags as the API has them."""

from datetime import timedelta
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from rest_framework import serializers
from rest_framework.validators import UniqueValidator

from http_app.datetime_fields import InstantField
from http_app.serializers import StrictSerializer
from tasks_app.labels import TAG_EXISTS
from tasks_app.models import Priority, Tag

LONGEST_SNOOZE_MINUTES = 366 * 24 * 60


class PrioritySerializer(StrictSerializer, serializers.ModelSerializer[Priority]):
    class Meta:
        model = Priority
        fields = ["id", "name", "level", "color", "version", "created_at"]
        read_only_fields = ["id", "version", "created_at"]
        # Tasks name a priority without regard to case.
        extra_kwargs = {
            "name": {
                "validators": [
                    UniqueValidator(
                        queryset=Priority.objects.all(),
                        message="A priority with this name already exists.",
                        lookup="iexact",
                    )
                ]
            }
        }


class TagSerializer(StrictSerializer, serializers.ModelSerializer[Tag]):
    task_count = serializers.SerializerMethodField(
        help_text="Tasks that have it, without the trash; null without ?task_count=true.",
    )

    class Meta:
        model = Tag
        fields = ["id", "name", "color", "task_count", "version", "created_at"]
        read_only_fields = ["id", "version", "created_at"]
        changes_by_itself = {"task_count"}

    def get_task_count(self, tag: Tag) -> int | None:
        return getattr(tag, "task_count", None)

    def validate_name(self, value: str) -> str:
        same = Tag.objects.named(self.context["request"].user.pk, [value]).first()
        if same is not None and same != self.instance:
            raise serializers.ValidationError(TAG_EXISTS, code="unique")
        return value


class OwnTagField(serializers.PrimaryKeyRelatedField[Tag]):
    default_error_messages = {"does_not_exist": "You have no tag with the id {pk_value}."}

    def get_queryset(self) -> QuerySet[Tag]:
        return Tag.objects.filter(user=self.context["request"].user.pk)


class MergeSerializer(StrictSerializer):
    """The tag that is kept."""

    into = OwnTagField(queryset=Tag.objects.all())

    def validate_into(self, value: Tag) -> Tag:
        if value.pk == self.context["tag"].pk:
            raise serializers.ValidationError("Choose another tag than the one being merged.", code="same")
        return value


class SnoozeSerializer(StrictSerializer):
    """How long the task is snoozed: until a time, or minutes from now. `until: null` ends the snooze."""

    until = InstantField(required=False, allow_null=True)
    minutes = serializers.IntegerField(min_value=1, max_value=LONGEST_SNOOZE_MINUTES, required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if len(attrs) != 1:
            raise serializers.ValidationError({"until": ["Send either until or minutes."]}, code="conflict")
        if "minutes" in attrs:
            return {"until": timezone.now() + timedelta(minutes=attrs["minutes"])}
        if attrs["until"] is not None and attrs["until"] <= timezone.now():
            raise serializers.ValidationError({"until": ["This time is in the past."]}, code="past")
        return attrs
