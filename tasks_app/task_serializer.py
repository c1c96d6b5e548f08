"""A task as the API has it: what the caller writes, checked; everything else is ours."""

from datetime import UTC
from operator import attrgetter
from typing import Any

from django.db.models import DateTimeField
from rest_framework import serializers

from accounts_app.preferences import MAX_REMINDER_OFFSET_MINUTES
from accounts_app.serializers import TimeZoneField
from http_app.datetime_fields import InstantField, InstantOrDateField, LocalDateField
from tasks_app.derived_fields import slot_state_of
from tasks_app.exceptions import ExternalIdTaken
from tasks_app.labelled import Labelled
from tasks_app.lookup import tags_named
from tasks_app.models import MAX_REMINDER_OFFSETS, Task, TaskTag
from tasks_app.rule_field import HELP, RuleField
from tasks_app.series import text_of_rule
from tasks_app.services import create_task, update_task
from tasks_app.task_changes import DEFAULTS, TaskChange

_RULE_HELP = f"""{HELP} It counts from due_at, else reminder_at, else now, by the wall clock of `timezone`:
the hour stays when clocks change, and the 31st of `monthly` is a shorter month's last day."""

APPLY_TO = ["this", "following"]
# Read-only fields that a client may send back with another value (http_app/read_only.py).
CHANGES_BY_ITSELF = {
    *("occurrence_at", "recurrence_text", "reminder_sent", "series_id", "slot_state", "updated_at"),
}
_COMPLETING = "POST /api/tasks/{id}/complete completes the task, /reopen opens it again."
WAYS = {
    "completed": _COMPLETING,
    "completed_at": _COMPLETING,
    "all_day": "Set due_date, or a due_at for a task with a time.",
    "deleted_at": "DELETE moves the task to the trash, POST /api/tasks/{id}/restore takes it back.",
    "snoozed_until": "POST /api/tasks/{id}/snooze sets it.",
}


class TaskSerializer(Labelled, serializers.ModelSerializer[Task]):
    external_id = serializers.CharField(
        max_length=200,
        allow_null=True,
        required=False,
        trim_whitespace=False,
        help_text=(
            "Its id in another system, of one of your tasks only. In bulk, creating one that you have updates"
            " it."
        ),
    )
    title = serializers.CharField(min_length=1, max_length=200)
    description = serializers.CharField(
        max_length=1000, allow_null=True, allow_blank=True, required=False, trim_whitespace=False
    )
    due_date = LocalDateField(
        allow_null=True,
        required=False,
        help_text="Instead of due_at: due on this day in `timezone`, and so at its last minute.",
    )
    due_at = InstantField(allow_null=True, required=False)
    reminder_at = InstantField(allow_null=True, required=False)
    reminder_offsets = serializers.ListField(
        child=serializers.IntegerField(min_value=0, max_value=MAX_REMINDER_OFFSET_MINUTES),
        max_length=MAX_REMINDER_OFFSETS,
        required=False,
        help_text=(
            "Minutes before due_at. If neither this nor reminder_at is sent when a task gets its first due"
            " date, it is the user's default_reminder_offset; `[]` means none."
        ),
    )
    rings_in_quiet_hours = serializers.BooleanField(
        required=False, help_text="Whether its reminders ring in the user's quiet hours too."
    )
    is_recurring = serializers.BooleanField(required=False)
    recurrence_rule = RuleField(allow_null=True, required=False, help_text=_RULE_HELP)
    recurrence_text = serializers.SerializerMethodField(
        help_text="The rule in plain English; null without a rule."
    )
    recurrence_end = InstantOrDateField(allow_null=True, required=False)
    apply_to = serializers.ChoiceField(
        APPLY_TO,
        required=False,
        write_only=True,
        help_text=(
            "What a new due_at or reminder_at is for: this occurrence (the default), or this one and all that"
            " follow. `following` with due_at begins a new series at that time."
        ),
    )
    timezone = TimeZoneField(
        required=False, help_text="An IANA time zone. Default: the user's; PUT leaves it as it is."
    )

    class Meta:
        model = Task
        # REST framework would look, in each request, for unique constraints over several of these.
        validators: list[Any] = []
        fields = [
            "id",
            "series_id",
            "slot_state",
            "external_id",
            "title",
            "description",
            "completed",
            "completed_at",
            "color",
            "pinned",
            "archived",
            "deleted_at",
            "all_day",
            "due_date",
            "due_at",
            "reminder_at",
            "reminder_offsets",
            "reminder_sent",
            "snoozed_until",
            "rings_in_quiet_hours",
            "is_recurring",
            "recurrence_rule",
            "recurrence_text",
            "recurrence_end",
            "recurrence_mode",
            "apply_to",
            "timezone",
            "occurrence_at",
            "parent_task_id",
            "recurring_task_id",
            "priority_id",
            "priority",
            "tag_ids",
            "tags",
            "version",
            "created_at",
            "updated_at",
        ]
        read_only_fields = [
            "id",
            "series_id",
            "slot_state",
            "completed",
            "completed_at",
            "deleted_at",
            "all_day",
            "reminder_sent",
            "snoozed_until",
            "occurrence_at",
            "parent_task_id",
            "recurring_task_id",
            "version",
            "created_at",
            "updated_at",
        ]
        changes_by_itself = CHANGES_BY_ITSELF
        ways = WAYS

    # Whether reminders and the end of a series may lie in the past: what happened elsewhere is imported.
    past_is_accepted = False

    def to_representation(self, instance: Task) -> dict[str, Any]:
        """What DRF's own makes of it, in a twentieth of the time (held equal by a test).

        `instance` is a task, or a row of it (tasks_app/pages.py).
        """
        if instance.tag_ids is None:
            instance.tag_ids = TaskTag.objects.ids_by_task([instance.pk])[instance.pk]
        answer = dict(zip(ANSWERED, _read(instance), strict=False))
        answer["recurrence_text"] = instance.recurrence_rule and self.get_recurrence_text(instance)
        answer["slot_state"] = slot_state_of(instance)
        for name in _TIMES:
            if answer[name] is not None:
                answer[name] = f"{answer[name].astimezone(UTC).isoformat()[:-6]}Z"
        return answer

    def get_recurrence_text(self, task: Task) -> str | None:
        return text_of_rule(
            task.recurrence_rule, task.anchor_local, task.timezone, all_day=task.series_all_day
        )

    def validate_external_id(self, value: str | None) -> str | None:
        task_id = self.lookup.task_of(value) if value else None
        if task_id is not None and (self.instance is None or self.instance.pk != task_id):
            raise ExternalIdTaken(task_id)
        return value

    def validate_reminder_offsets(self, value: list[int]) -> list[int]:
        return sorted(set(value))

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        change = TaskChange(
            self.user,
            self.instance,
            PUT_DEFAULTS,
            is_put=not self.partial,
            past_is_accepted=self.past_is_accepted,
        )
        return change.columns(attrs)

    def create(self, validated_data: dict[str, Any]) -> Task:
        self.lookup.quota.take(tasks=1)
        fields, tags = self._split(validated_data)
        return create_task(self.user, tags=tags or (), **fields)

    def update(self, instance: Task, validated_data: dict[str, Any]) -> Task:
        fields, tags = self._split(validated_data)
        return update_task(instance, tags=tags, **fields)

    def _split(self, validated: dict[str, Any]) -> tuple[dict[str, Any], set[int] | None]:
        """The columns, and the ids of the tags; names become tags only now, when everything else is valid."""
        fields, tags, names = fields_and_tags(validated)
        if names is not None:
            tags = set(tags_named(self.user, names, quota=self.lookup.quota).values())
        return fields, tags


def fields_and_tags(
    validated: dict[str, Any],
) -> tuple[dict[str, Any], set[int] | None, list[str] | None]:
    """The columns, the ids of tags and the names of tags; None if not sent."""
    fields = {name: value for name, value in validated.items() if name not in ("tags", "tag_ids")}
    return fields, validated.get("tag_ids"), validated.get("tags")


class SkippedTaskSerializer(TaskSerializer):
    """The skipped task, and where its series goes on."""

    next_id = serializers.IntegerField(
        allow_null=True,
        read_only=True,
        help_text="The open occurrence that follows; null: the series is over.",
    )

    class Meta(TaskSerializer.Meta):
        fields = [*TaskSerializer.Meta.fields, "next_id"]


# What a PUT leaves as it is, or takes from other fields; and a title is required.
_NO_DEFAULT = {"title", "timezone", "is_recurring", *TaskSerializer.Meta.read_only_fields}
PUT_DEFAULTS = {
    name: DEFAULTS[name] for name in TaskSerializer.Meta.fields if name in DEFAULTS.keys() - _NO_DEFAULT
}
ANSWERED = [name for name in TaskSerializer.Meta.fields if name not in ("apply_to", "priority", "tags")]
# The words of a rule are made of the anchor.
READ = [*("anchor_local" if name == "recurrence_text" else name for name in ANSWERED), "series_all_day"]
_read = attrgetter(*READ)
_TIMES = [
    field.name for field in Task._meta.fields if isinstance(field, DateTimeField) and field.name in ANSWERED
]
