"""What quick add is asked, and what it answers."""

from datetime import date, datetime
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError

from accounts_app.serializers import TimeZoneField
from http_app.datetime_fields import InstantField
from http_app.serializers import StrictSerializer
from quick_add import Question, Span
from tasks_app.task_serializer import TaskSerializer

LONGEST_TEXT = 2_000  # a title has 200 characters at most, and the phrases beside it are few


class QuickAddSerializer(StrictSerializer):
    text = serializers.CharField(
        max_length=LONGEST_TEXT, trim_whitespace=False, help_text="One sentence in English."
    )
    dry_run = serializers.BooleanField(
        default=False, help_text="True: say what the text means, and make nothing."
    )
    now = InstantField(
        required=False, help_text="With dry_run: when the text is said. Its days are those of `timezone`."
    )
    timezone = TimeZoneField(
        required=False, help_text="An IANA zone, of its times and of the task, instead of the user's own."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "now" in attrs and not attrs["dry_run"]:
            message = "Only a dry run has this: send dry_run true too, or leave this out."
            raise ValidationError({"now": [ErrorDetail(message, "needs_dry_run")]})
        return attrs


class SpanSerializer(serializers.Serializer[Any]):
    """Words that were understood."""

    to = serializers.IntegerField(help_text="Where they end.")
    text = serializers.CharField(help_text="The words, as they were sent.")
    means = serializers.CharField(help_text="What they mean, in English.")

    def get_fields(self) -> dict[str, Any]:
        start = serializers.IntegerField(help_text="Where they begin, in Unicode code points of the text.")
        return {"from": start, **super().get_fields()}


class ChoiceSerializer(serializers.Serializer[Any]):
    """One answer to a question."""

    label = serializers.CharField(help_text="Its name, for a button.")  # type: ignore[assignment]
    text = serializers.CharField(help_text="The whole sentence to send instead.")


class QuestionSerializer(serializers.Serializer[Any]):
    """What has to be known before a task can be made."""

    code = serializers.CharField(help_text="See docs/quick_add.md.")
    text = serializers.CharField(help_text="The question, in English.")
    choices = ChoiceSerializer(many=True, help_text="Two or more; none with the code `no_title`.")


_INSTANT = {"type": "string", "description": "ISO 8601, with the zone's offset."}


@extend_schema_field(
    {
        "type": "object",
        "properties": {
            "title": {"type": "string"},
            **dict.fromkeys(("due_at", "reminder_at", "recurrence_end"), _INSTANT),
            "due_date": {"type": "string", "format": "date"},
            "recurrence_rule": {"type": "string"},
            "reminder_offsets": {"type": "array", "items": {"type": "integer"}},
            "priority": {"type": "string"},
            "tags": {"type": "array", "items": {"type": "string"}},
        },
        "required": ["title"],
        "additionalProperties": False,
    }
)
class SaidTaskField(serializers.DictField):
    """The fields that the text gives; the others are absent."""


class QuickAddAnswerSerializer(serializers.Serializer[Any]):
    """Nothing was made: this is a dry run, or a question is open."""

    task = SaidTaskField(
        allow_null=True,
        help_text="What would be written: the fields that the text gives. Null: see questions.",
    )
    understood = SpanSerializer(many=True)
    questions = QuestionSerializer(many=True)


class QuickAddedSerializer(serializers.Serializer[Any]):
    """The task that was made."""

    task = TaskSerializer()
    understood = SpanSerializer(many=True)
    questions = QuestionSerializer(many=True, help_text="None.")


def span_in_json(span: Span) -> dict[str, Any]:
    return {"from": span.start, "to": span.end, "text": span.text, "means": span.means}


def question_in_json(question: Question) -> dict[str, Any]:
    choices = [{"label": choice.label, "text": choice.text} for choice in question.choices]
    return {"code": question.code, "text": question.text, "choices": choices}


def in_json(value: Any) -> Any:
    """A field of what was understood. An instant has the zone's offset, and seconds where it has some."""
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds" if value.second else "minutes")
    return value.isoformat() if isinstance(value, date) else value
