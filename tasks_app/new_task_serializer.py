"""A new task as the API takes it. One that was completed, or created earlier, is an import of what was.

An import may have dates in the past. It never rings for them, and a completed one has no next occurrence: its
only event is that it was created.
"""

from typing import Any

from django.utils.timezone import now
from rest_framework import serializers

from http_app.datetime_fields import InstantField
from tasks_app.task_serializer import TaskSerializer

IMPORT_FIELDS = ("completed", "completed_at", "created_at")


class NewTaskSerializer(TaskSerializer):
    completed = serializers.BooleanField(
        required=False,
        help_text="True makes this an import of a task that is done: past dates are right, and never ring.",
    )
    completed_at = InstantField(
        allow_null=True, required=False, help_text="Of an import that is completed. Default: now."
    )
    created_at = InstantField(
        required=False,
        help_text="When it was created elsewhere; this makes it an import. Default: completed_at, else now.",
    )

    class Meta(TaskSerializer.Meta):
        read_only_fields = [
            name for name in TaskSerializer.Meta.read_only_fields if name not in IMPORT_FIELDS
        ]

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs.get("completed_at") is not None and not attrs.get("completed"):
            message = "Only a completed task has this: send completed true too, or leave this out."
            raise serializers.ValidationError({"completed_at": [message]}, code="needs_completed")
        self.past_is_accepted = is_import(attrs)
        if self.past_is_accepted:
            attrs |= _times_of_import(attrs)
        return super().validate(attrs)


def is_import(fields: dict[str, Any]) -> bool:
    """Whether these fields of a new task say that it is an import."""
    return fields.get("completed") is True or fields.get("created_at") is not None


def _times_of_import(attrs: dict[str, Any]) -> dict[str, Any]:
    """The times of an import. Raises ValidationError unless created_at <= completed_at <= now."""
    latest = now()
    completed_at = attrs.get("completed_at") or (latest if attrs.get("completed") else None)
    created_at = attrs.get("created_at") or completed_at or latest
    for name, at in {"completed_at": completed_at, "created_at": created_at}.items():
        if at is not None and at > latest:
            message = "This time is in the future; what is imported has happened."
            raise serializers.ValidationError({name: [message]}, code="future")
    if completed_at is not None and completed_at < created_at:
        message = "The task cannot be completed before it was created: see created_at."
        raise serializers.ValidationError({"completed_at": [message]}, code="before_creation")
    return {"completed_at": completed_at, "created_at": created_at, "reminded_until": latest}
