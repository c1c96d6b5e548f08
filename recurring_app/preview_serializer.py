"""What a preview is asked, and what it answers."""

import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.conf import settings
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.fields import empty

from accounts_app.serializers import TimeZoneField
from http_app.datetime_fields import EARLIEST, LATEST, InstantField, InstantOrDateField
from http_app.serializers import StrictSerializer
from recurrence.rules import RuleError, check_rule, end_of_local_day
from recurring_app.models import RecurringTask
from tasks_app.models import Task
from tasks_app.rule_field import HELP, RuleField

MOST_SHOWN = 100
LONGEST_CATCH_UP = timedelta(days=100 * 365)
# Where the codes of the recurrence engine belong; the rest are the rule's.
FIELD_OF_CODE = {"bad_timezone": "timezone", "mode_not_allowed": "mode"}
_LOCAL = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?)?")


@extend_schema_field({"type": "string", "examples": ["2030-05-01T09:00", "2030-05-01"]})
class LocalField(serializers.CharField):
    """A local date and time without an offset, or a date alone."""

    default_error_messages = {
        "local": "Write a local time without an offset, such as 2030-05-01T09:00, or a date.",
        "out_of_range": "The year must be from 1970 to 8999.",
    }

    def to_internal_value(self, data: Any) -> datetime | date:  # type: ignore[override]
        text = super().to_internal_value(data)
        if not _LOCAL.fullmatch(text):
            self.fail("local")
        try:
            local = datetime.fromisoformat(text) if "T" in text else date.fromisoformat(text)
        except ValueError:
            self.fail("local")
        if not EARLIEST.year <= local.year < LATEST.year:
            self.fail("out_of_range")
        return local


class PreviewTimeZoneField(TimeZoneField):
    """An empty name is `bad_timezone` here, like any other name that the rules do not know."""

    def run_validation(self, data: Any = empty) -> Any:
        return self.to_internal_value(data) if data == "" else super().run_validation(data)


class PreviewSerializer(StrictSerializer):
    rule = RuleField(help_text=HELP)
    timezone = PreviewTimeZoneField(required=False, help_text="An IANA zone; the user's when not given.")
    start = LocalField(
        help_text="The local time from which the series is counted; a date alone for an all-day series."
    )
    after = InstantField(
        required=False,
        allow_null=True,
        help_text="Show what comes after it; with completed_at or now: the occurrence that was the last.",
    )
    until = InstantOrDateField(required=False, allow_null=True, help_text="The end, included.")
    count = serializers.IntegerField(default=5, min_value=1, max_value=MOST_SHOWN)
    mode = serializers.ChoiceField(Task.RecurrenceMode.choices, default=Task.RecurrenceMode.FIXED)
    completed_at = InstantField(required=False, allow_null=True, help_text="Show what a completion creates.")
    now = InstantField(
        required=False,
        allow_null=True,
        help_text="Show what catching up creates. At most 100 years after `after`, or start.",
    )
    policy = serializers.ChoiceField(RecurringTask.CatchUp.choices, default=RecurringTask.CatchUp.LATEST)

    def validate_rule(self, rule: str) -> str:
        """By itself, so that its code is answered whatever else is wrong."""
        try:
            check_rule(rule, timezone="UTC", shortest_interval=settings.SHORTEST_RECURRENCE)
        except RuleError as error:
            raise ValidationError(str(error), code=error.code) from error
        return rule

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        attrs = {"timezone": self.context["request"].user.timezone} | attrs
        attrs["all_day"] = not isinstance(attrs["start"], datetime)
        if attrs.get("completed_at") is not None and attrs.get("now") is not None:
            raise _refusal("now", "Send completed_at or now, not both.", "conflict")
        self._check_span(attrs)
        until = attrs.get("until")
        if until is not None and not isinstance(until, datetime):
            attrs["until"] = end_of_local_day(until, attrs["timezone"])
        try:
            check_rule(
                attrs["rule"],
                timezone=attrs["timezone"],
                mode=attrs["mode"],
                all_day=attrs["all_day"],
                shortest_interval=settings.SHORTEST_RECURRENCE,
            )
        except RuleError as error:
            raise _refusal(FIELD_OF_CODE.get(error.code, "rule"), str(error), error.code) from error
        return attrs

    def _check_span(self, attrs: dict[str, Any]) -> None:
        """What came up is counted by the changes of the zone's clocks, two a year."""
        now, start = attrs.get("now"), attrs["start"]
        since = attrs.get("after") or datetime(start.year, start.month, start.day, tzinfo=UTC)
        if now is not None and now - since > LONGEST_CATCH_UP:
            message = f"now may be {LONGEST_CATCH_UP.days // 365} years after `after` (or start) at most."
            raise _refusal("now", message, "out_of_range")


class PreviewAnswerSerializer(serializers.Serializer[Any]):
    occurrences = serializers.ListField(
        child=serializers.CharField(),
        help_text="ISO 8601 with the zone's offset; dates in an all-day series.",
    )
    next = serializers.CharField(allow_null=True, help_text="The first after those; null when none is left.")
    ends = serializers.BooleanField(help_text="Whether none is left.")
    missed = serializers.IntegerField(
        allow_null=True, help_text="With `now`: how many came up after `after`, whatever the policy."
    )
    description = serializers.CharField(help_text="The rule in words.")


def _refusal(field: str, message: str, code: str) -> ValidationError:
    return ValidationError({field: [ErrorDetail(message, code)]})
