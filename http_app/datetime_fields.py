"""Date-time fields of the API, stricter than DRF's: with a UTC offset, in years that allow arithmetic."""

import re
from datetime import UTC, date, datetime
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

# Room at both ends for offsets, zones and the next occurrence.
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = datetime(9000, 1, 1, tzinfo=UTC)
# RFC 3339's full-date. Python reads more: weeks, days without hyphens, digits of other scripts.
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


class InstantField(serializers.DateTimeField):
    """ISO 8601 with a UTC offset, because without one the time zone would be a guess."""

    default_error_messages = {
        "naive": "Include the UTC offset, such as 2026-05-01T09:00:00+02:00 or 2026-05-01T07:00:00Z.",
        "out_of_range": "The year must be between 1970 and 8999.",
    }

    def to_internal_value(self, value: Any) -> datetime:
        # RFC 3339, 5.6: t and z may be lowercase.
        instant = super().to_internal_value(value.upper() if isinstance(value, str) else value)
        if not EARLIEST <= instant < LATEST:
            self.fail("out_of_range")
        return instant

    def enforce_timezone(self, value: datetime) -> datetime:
        if value.tzinfo is None:
            self.fail("naive")
        try:
            return value.astimezone(UTC)
        except OverflowError:
            self.fail("out_of_range")


@extend_schema_field({"type": "string", "pattern": r"^([01]\d|2[0-3]):[0-5]\d$"})
class LocalTimeField(serializers.TimeField):
    """A time of day such as 09:00, without a time zone."""

    default_error_messages = {"invalid": "Write hours and minutes, such as 09:00."}

    def __init__(self, **options: Any) -> None:
        super().__init__(format="%H:%M", input_formats=["%H:%M"], **options)


class LocalDateField(serializers.DateField):
    """A day such as 2026-05-01, without a time zone, in the years of InstantField."""

    default_error_messages = {"out_of_range": "The year must be between 1970 and 8999."}

    def to_internal_value(self, value: Any) -> date:
        if isinstance(value, str) and not _DAY.fullmatch(value):
            self.fail("invalid", format="YYYY-MM-DD")
        day = super().to_internal_value(value)
        if not EARLIEST.date() <= day < LATEST.date():
            self.fail("out_of_range")
        return day


class InstantOrDateField(InstantField):
    """An instant, or a date alone: the end of that day, in a time zone that the caller chooses."""

    def to_internal_value(self, value: Any) -> datetime | date:  # type: ignore[override]
        try:
            is_day = isinstance(value, str) and _DAY.fullmatch(value)
            day = date.fromisoformat(value) if is_day else None
        except ValueError:
            day = None
        if day is None:
            return super().to_internal_value(value)
        if not EARLIEST.date() <= day < LATEST.date():
            self.fail("out_of_range")
        return day
