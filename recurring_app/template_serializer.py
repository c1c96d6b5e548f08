"""A template as the API has it."""

from copy import copy
from datetime import date, datetime
from typing import Any

from django.core.exceptions import ValidationError as DjangoValidationError
from django.utils.timezone import now
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts_app.preferences import MAX_REMINDER_OFFSET_MINUTES
from accounts_app.serializers import TimeZoneField
from http_app.datetime_fields import InstantField, InstantOrDateField
from http_app.serializers import by_field
from recurrence.rules import end_of_local_day, zone
from recurring_app.models import MAX_DUE_AFTER_MINUTES, RecurringTask
from recurring_app.preview_serializer import LocalField
from recurring_app.services import create_template, update_template
from recurring_app.validity import CHECKED, check_template
from tasks_app.labelled import Labelled
from tasks_app.lookup import tags_named
from tasks_app.models import DEFAULT_PRIORITY_ID, MAX_REMINDER_OFFSETS
from tasks_app.rule_field import RuleField
from tasks_app.series import text_of_rule

# What PUT gives a field that was not sent. starts_at, timezone and is_active stay as they are.
PUT_DEFAULTS: dict[str, Any] = {
    "template_description": None,
    "cron_expression": None,
    "rrule": None,
    "ends_at": None,
    "catch_up": RecurringTask.CatchUp.LATEST,
    "due_after_minutes": None,
    "reminder_offsets": [],
    "priority_id": DEFAULT_PRIORITY_ID,
}


@extend_schema_field({"type": "string", "examples": ["2030-05-01T09:00:00"]})
class WallClockField(LocalField):
    """A local date and time without an offset, to the minute."""

    default_error_messages = {
        "local": "Write a local time without an offset, such as 2030-05-01T09:00.",
    }

    def to_internal_value(self, data: Any) -> datetime:  # type: ignore[override]
        local = super().to_internal_value(data)
        if not isinstance(local, datetime):
            self.fail("local")
        return local.replace(second=0, microsecond=0)

    def to_representation(self, value: datetime) -> str:  # type: ignore[override]
        return value.isoformat(timespec="seconds")


class RecurringTaskSerializer(Labelled, serializers.ModelSerializer[RecurringTask]):
    template_title = serializers.CharField(
        min_length=1, max_length=200, help_text="The title of each task that is generated."
    )
    template_description = serializers.CharField(
        max_length=1000, allow_null=True, allow_blank=True, required=False, trim_whitespace=False
    )
    cron_expression = RuleField(
        allow_null=True,
        required=False,
        help_text="For the pattern `custom`: five fields, as in `cron:` of a task's recurrence_rule.",
    )
    rrule = RuleField(
        allow_null=True,
        required=False,
        help_text="For the pattern `custom`: parts of RFC 5545, such as `FREQ=WEEKLY;INTERVAL=2;BYDAY=FR`.",
    )
    recurrence_text = serializers.SerializerMethodField(help_text="The rule in plain English.")
    timezone = TimeZoneField(required=False, help_text="An IANA time zone. Default: the user's.")
    starts_at = WallClockField(
        required=False,
        help_text="The local time from which occurrences are counted, and their time of day. Default: now.",
    )
    ends_at = InstantOrDateField(
        allow_null=True,
        required=False,
        help_text="The end, included; a date alone: the end of that local day.",
    )
    next_occurrence = InstantField(read_only=True, allow_null=True, help_text="Null once it is finished.")
    catch_up = serializers.ChoiceField(
        RecurringTask.CatchUp.choices,
        required=False,
        help_text=(
            "After a downtime: `latest` (the default) generates a task for the newest missed occurrence,"
            " `all` for the newest 31, `skip` for none that is more than 5 minutes late."
        ),
    )
    due_after_minutes = serializers.IntegerField(
        min_value=0,
        max_value=MAX_DUE_AFTER_MINUTES,
        allow_null=True,
        required=False,
        help_text="A task is due so many minutes after its occurrence; null: no due time.",
    )
    reminder_offsets = serializers.ListField(
        child=serializers.IntegerField(min_value=0, max_value=MAX_REMINDER_OFFSET_MINUTES),
        max_length=MAX_REMINDER_OFFSETS,
        required=False,
        help_text="Minutes before the due time. A reminder before the occurrence itself does not ring.",
    )
    is_active = serializers.BooleanField(
        required=False, help_text="Changing it pauses and resumes; false also once it is finished."
    )

    class Meta:
        model = RecurringTask
        fields = [
            "id",
            "template_title",
            "template_description",
            "recurrence_pattern",
            "cron_expression",
            "rrule",
            "recurrence_text",
            "timezone",
            "starts_at",
            "ends_at",
            "catch_up",
            "due_after_minutes",
            "reminder_offsets",
            "priority_id",
            "priority",
            "tag_ids",
            "tags",
            "is_active",
            "next_occurrence",
            "version",
            "created_at",
            "updated_at",
        ]
        read_only_fields = ["id", "version", "created_at", "updated_at"]
        # Read-only fields that a client may send back with another value (http_app/read_only.py).
        changes_by_itself = frozenset({"next_occurrence", "recurrence_text", "updated_at"})

    def get_recurrence_text(self, template: RecurringTask) -> str | None:
        return text_of_rule(template.rule, template.starts_at, template.timezone)

    def validate_reminder_offsets(self, value: list[int]) -> list[int]:
        return sorted(set(value))

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        self._settle_names_and_ids(attrs)
        if "priority" in attrs:
            attrs["priority_id"] = attrs.pop("priority")
        attrs = self._with_defaults(attrs)
        self._settle_rule(attrs)
        candidate = self._candidate(attrs)
        end = attrs.get("ends_at")
        if isinstance(end, date) and not isinstance(end, datetime):
            attrs["ends_at"] = candidate.ends_at = end_of_local_day(end, candidate.timezone)
        self._check_together(candidate, attrs)
        return attrs

    def _with_defaults(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if self.instance is None:
            attrs = {"timezone": self.user.timezone} | attrs
            here = now().astimezone(zone(attrs["timezone"]))
            return {"starts_at": here.replace(tzinfo=None, second=0, microsecond=0, fold=0)} | attrs
        if not self.partial:
            attrs = PUT_DEFAULTS | attrs
            if not {"tags", "tag_ids"} & set(attrs):
                attrs["tag_ids"] = set()
        return attrs

    def _settle_names_and_ids(self, attrs: dict[str, Any]) -> None:
        """Of a name and an id one may be sent, or the id as it was read."""
        template = self.instance
        read = {} if template is None else {"priority_id": template.priority_id, "tag_ids": template.tag_ids}
        for name, by_id in (("priority", "priority_id"), ("tags", "tag_ids")):
            if name not in attrs or by_id not in attrs:
                continue
            sent = attrs.pop(by_id)
            if template is None or (sorted(sent) if by_id == "tag_ids" else sent) != read[by_id]:
                message = f"Send {name} or {by_id}, not both."
                raise serializers.ValidationError({name: [message]}, code="conflict")

    def _settle_rule(self, attrs: dict[str, Any]) -> None:
        """A named pattern, or a new rule of one kind, replaces the stored rule, also if that is sent back."""
        stored = self.instance
        if stored is None:
            return
        kinds = ("cron_expression", "rrule")
        new = [name for name in kinds if attrs.get(name) not in (None, getattr(stored, name))]
        if new or attrs.get("recurrence_pattern", "custom") != "custom":
            for name in kinds:
                if name not in new and attrs.get(name) in (None, getattr(stored, name)):
                    attrs[name] = None

    def _candidate(self, attrs: dict[str, Any]) -> RecurringTask:
        """The template with these changes, unsaved."""
        candidate = copy(self.instance) if self.instance is not None else RecurringTask(user=self.user)
        for name, value in attrs.items():
            if name not in ("tags", "tag_ids"):
                setattr(candidate, name, value)
        return candidate

    def _check_together(self, candidate: RecurringTask, attrs: dict[str, Any]) -> None:
        before = self.instance
        changed = {
            name
            for name in CHECKED
            if before is None or (name in attrs and attrs[name] != getattr(before, name))
        }
        try:
            check_template(candidate, changed)
        except DjangoValidationError as error:
            raise by_field(error) from error

    def create(self, validated_data: dict[str, Any]) -> RecurringTask:
        tag_ids = self._pop_tag_ids(validated_data)
        return create_template(self.user, tag_ids=tag_ids or (), **validated_data)

    def update(self, instance: RecurringTask, validated_data: dict[str, Any]) -> RecurringTask:
        tag_ids = self._pop_tag_ids(validated_data)
        return update_template(instance, tag_ids=tag_ids, **validated_data)

    def _pop_tag_ids(self, validated: dict[str, Any]) -> set[int] | None:
        """The ids of its tags; names become tags only now, when everything else is valid."""
        tag_ids: set[int] | None = validated.pop("tag_ids", None)
        names: list[str] | None = validated.pop("tags", None)
        return tag_ids if names is None else set(tags_named(self.user, names).values())
