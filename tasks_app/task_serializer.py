"""A task as the API has it: what the caller writes, checked; everything else is ours."""

from datetime import UTC, date, datetime
from functools import cached_property
from operator import attrgetter
from types import SimpleNamespace
from typing import Any

from django.core.exceptions import ValidationError as DjangoValidationError
from django.db.models import DateTimeField
from django.utils.timezone import now
from rest_framework import serializers
from rest_framework.fields import get_error_detail

from accounts_app.models import User
from accounts_app.serializers import TimeZoneField
from http_app.datetime_fields import InstantField, InstantOrDateField, LocalDateField
from http_app.serializers import StrictSerializer
from recurrence.rules import end_of_local_day
from tasks_app.all_day import due_at_of
from tasks_app.derived_fields import slot_state_of
from tasks_app.exceptions import ExternalIdTaken
from tasks_app.field_pairs import settle_due, settle_pairs
from tasks_app.following import begin_with_rule, follow_on, no_series
from tasks_app.labels import visible_name
from tasks_app.lookup import Lookup, tags_named
from tasks_app.models import (
    COLUMNS,
    DEFAULT_PRIORITY_ID,
    MAX_REMINDER_OFFSET_MINUTES,
    MAX_REMINDER_OFFSETS,
    Task,
    TaskTag,
)
from tasks_app.rule_field import HELP, RuleField
from tasks_app.rule_text import text_of_rule
from tasks_app.services import create_task, update_task
from tasks_app.validity import check_task

MAX_TAGS = 50  # of one task: more is a mistake of the client's, and each is a row
LARGEST_ID = 2**63 - 1

# What PUT gives a field that was not sent; PATCH does not touch it.
PUT_DEFAULTS: dict[str, Any] = {
    "external_id": None,
    "description": None,
    "color": "default",
    "pinned": False,
    "archived": False,
    "due_date": None,
    "due_at": None,
    "reminder_at": None,
    "reminder_offsets": [],
    "recurrence_rule": None,
    "recurrence_end": None,
    "recurrence_mode": Task.RecurrenceMode.FIXED,
    "priority_id": DEFAULT_PRIORITY_ID,
}
_RULE_HELP = f"""{HELP} It counts from due_at, else reminder_at, else now, by the wall clock of `timezone`:
the hour stays when clocks change, and the 31st of `monthly` is a shorter month's last day."""
_DEFAULTS = {field.attname: field.get_default() for field in Task._meta.concrete_fields}


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


class TaskSerializer(StrictSerializer, serializers.ModelSerializer[Task]):
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
        help_text="Minutes before due_at.",
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
    priority_id = serializers.IntegerField(required=False, min_value=1, max_value=LARGEST_ID)
    priority = serializers.CharField(
        write_only=True, required=False, help_text="A name, instead of priority_id."
    )
    tag_ids = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=LARGEST_ID), max_length=MAX_TAGS, required=False
    )
    tags = serializers.ListField(
        child=serializers.CharField(max_length=50, validators=[visible_name]),
        max_length=MAX_TAGS,
        write_only=True,
        required=False,
        help_text="Names, instead of tag_ids. New tags are created.",
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
        answer["recurrence_text"] = self.get_recurrence_text(instance)
        answer["slot_state"] = slot_state_of(instance)
        for name in _TIMES:
            if answer[name] is not None:
                answer[name] = f"{answer[name].astimezone(UTC).isoformat()[:-6]}Z"
        return answer

    @cached_property
    def _user(self) -> User:
        user = self.context["request"].user
        assert isinstance(user, User)
        return user

    @property
    def _lookup(self) -> Lookup:
        return self.context.get("lookup") or Lookup(self._user)

    def get_recurrence_text(self, task: Task) -> str | None:
        return text_of_rule(
            task.recurrence_rule, task.anchor_local, task.timezone, all_day=task.series_all_day
        )

    # --- one field ---------------------------------------------------------------------------------

    def validate_external_id(self, value: str | None) -> str | None:
        task_id = self._lookup.task_of(value) if value else None
        if task_id is not None and (self.instance is None or self.instance.pk != task_id):
            raise ExternalIdTaken(task_id)
        return value

    def validate_reminder_offsets(self, value: list[int]) -> list[int]:
        return sorted(set(value))

    def validate_priority_id(self, value: int) -> int:
        if not self._lookup.has_priority(value):
            raise serializers.ValidationError(
                "There is no priority with this id: see /api/priorities.", code="unknown"
            )
        return value

    def validate_priority(self, value: str) -> int:
        found = self._lookup.priority_named(value)
        if found is None:
            raise serializers.ValidationError(
                "There is no priority with this name: see /api/priorities.", code="unknown"
            )
        return found

    def validate_tag_ids(self, value: list[int]) -> set[int]:
        tag_ids = self._lookup.tags(value)
        if missing := set(value) - tag_ids:
            raise serializers.ValidationError(f"You have no tag with the id {min(missing)}.", code="unknown")
        return tag_ids

    # --- fields together ---------------------------------------------------------------------------

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        attrs = settle_due(settle_pairs(attrs, self.instance), self.instance)
        if self.instance is None:
            attrs = {"timezone": self._user.timezone} | attrs
        elif not self.partial:
            attrs = PUT_DEFAULTS | attrs
            if not {"tags", "tag_ids"} & set(attrs):
                attrs["tag_ids"] = set()
        if "priority" in attrs:
            attrs["priority_id"] = attrs.pop("priority")
        self._settle_is_recurring(attrs)
        self._settle_end(attrs)
        self._settle_due_at(attrs)
        follow = attrs.pop("apply_to", "this") == "following"
        if self.instance is None and follow and attrs.get("recurrence_rule") is None:
            raise no_series()
        if self.instance is not None and (follow or "recurrence_rule" in attrs):
            attrs |= self._series_columns(attrs, follow=follow)
        self._check_together(attrs)
        return attrs

    def _settle_is_recurring(self, attrs: dict[str, Any]) -> None:
        """is_recurring says whether there is a rule; turning it off alone takes the rule away.

        One that is as stored follows the rule, so that what was read can be sent back with another rule.
        """
        wanted = attrs.pop("is_recurring", None)
        if wanted is None:
            return
        before = self._before()["recurrence_rule"]
        rule = attrs.get("recurrence_rule", before)
        if wanted is False and rule == before:
            attrs["recurrence_rule"] = rule = None
        is_as_stored = self.instance is not None and wanted == (before is not None)
        if wanted != (rule is not None) and not is_as_stored:
            message = "is_recurring is true exactly when there is a recurrence_rule."
            raise serializers.ValidationError({"is_recurring": [message]}, code="conflict")

    def _settle_end(self, attrs: dict[str, Any]) -> None:
        end = attrs.get("recurrence_end")
        if isinstance(end, date) and not isinstance(end, datetime):
            attrs["recurrence_end"] = end_of_local_day(end, self._candidate(attrs).timezone)

    def _settle_due_at(self, attrs: dict[str, Any]) -> None:
        """An all-day task is due at the last minute of its day, in the zone that it gets."""
        candidate = self._candidate(attrs)
        if candidate.due_date is not None and {"due_date", "timezone"} & set(attrs):
            attrs["due_at"] = due_at_of(candidate)

    def _series_columns(self, attrs: dict[str, Any], *, follow: bool) -> dict[str, Any]:
        """The columns by which the change is one of the series (tasks_app/following.py)."""
        before = SimpleNamespace(**self._before())
        # Of a request that sends every field, those that it changes are meant.
        few = attrs.keys() < attrs.keys() | PUT_DEFAULTS.keys()
        sent = {name for name in attrs if few or attrs[name] != getattr(before, name, None)}
        if follow:
            return follow_on(self._candidate(attrs), before, sent)
        return begin_with_rule(self._candidate(attrs), before, sent)

    def _check_together(self, attrs: dict[str, Any]) -> None:
        """Check the task with these changes (tasks_app/validity.py)."""
        before = self._before()
        changed = {name for name, value in attrs.items() if name in before and value != before[name]}
        try:
            stored = None if self.instance is None else SimpleNamespace(**before)
            check_task(self._candidate(attrs), changed, stored, past_is_accepted=self.past_is_accepted)
        except DjangoValidationError as error:
            raise serializers.ValidationError(_by_field(error)) from error

    def _candidate(self, attrs: dict[str, Any]) -> Any:
        """The task with these changes: a record of its columns, which is cheaper than a model."""
        return SimpleNamespace(user=self._user, **self._before() | attrs)

    def _before(self) -> dict[str, Any]:
        """The columns before the change; of a new task, their defaults."""
        if self.instance is not None:
            return {name: self.instance.__dict__[name] for name in COLUMNS}
        return _DEFAULTS | {"user_id": self._user.pk, "created_at": now()}

    # --- writing -----------------------------------------------------------------------------------

    def create(self, validated_data: dict[str, Any]) -> Task:
        fields, tags = self._split(validated_data)
        return create_task(self._user, tags=tags or (), **fields)

    def update(self, instance: Task, validated_data: dict[str, Any]) -> Task:
        fields, tags = self._split(validated_data)
        return update_task(instance, tags=tags, **fields)

    def _split(self, validated: dict[str, Any]) -> tuple[dict[str, Any], set[int] | None]:
        """The columns, and the ids of the tags; names become tags only now, when everything else is valid."""
        fields, tags, names = fields_and_tags(validated)
        return fields, tags if names is None else set(tags_named(self._user, names).values())


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


ANSWERED = [name for name in TaskSerializer.Meta.fields if name not in ("apply_to", "priority", "tags")]
# The words of a rule are made of the anchor.
READ = [*("anchor_local" if name == "recurrence_text" else name for name in ANSWERED), "series_all_day"]
_read = attrgetter(*READ)
_TIMES = [
    field.name for field in Task._meta.fields if isinstance(field, DateTimeField) and field.name in ANSWERED
]


def _by_field(error: DjangoValidationError) -> dict[str, Any]:
    return {
        name: get_error_detail(DjangoValidationError(errors)) for name, errors in error.error_dict.items()
    }
