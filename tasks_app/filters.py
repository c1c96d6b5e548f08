"""The filters of the task list. `..._after` includes its instant, `..._before` does not."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import django_filters as filters
from django import forms
from django.db.models import Exists, OuterRef, Q, QuerySet, Value
from django.utils import timezone
from django_filters.fields import IsoDateTimeField
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from http_app.filters import BooleanFilter, NamedFilterSet
from http_app.keyset import KeyedAndEmpty
from http_app.pagination import ORDERING
from tasks_app.models import OPEN, Priority, Tag, Task, TaskTag
from tasks_app.pages import DIGITS_OF_ID
from tasks_app.searching import by_rank, matching, query_of

RANK = "rank"  # the ordering that only a search has
_PLUS_LOST = re.compile(r":\d\d(\.\d+)? \d\d:?\d\d$")
_SAYS_OFFSET = re.compile(r"[T ].*(Z|[+-]\d\d(:?\d\d)?)\s*$", re.IGNORECASE)


class _InstantField(IsoDateTimeField):  # type: ignore[misc] # untyped library
    def to_python(self, value: Any) -> datetime | None:
        if isinstance(value, str) and _PLUS_LOST.search(value):
            raise forms.ValidationError(
                "A + in a URL is a space: write %%2B, or the time in Z.", code="invalid"
            )
        # RFC 3339, 5.6: t and z may be lowercase.
        instant: datetime | None = super().to_python(value.upper() if isinstance(value, str) else value)
        if instant is None:
            return None
        if not _SAYS_OFFSET.search(value):
            message = "Add the UTC offset, as in 2026-05-01T07:00:00Z."
            raise forms.ValidationError(message, code="naive")
        try:
            return instant.astimezone(UTC)  # PostgreSQL takes no offset beyond 15:59
        except OverflowError:
            raise forms.ValidationError(self.error_messages["invalid"], code="invalid") from None


class InstantFilter(filters.IsoDateTimeFilter):  # type: ignore[misc] # untyped library
    field_class = _InstantField


class IdFilter(filters.NumberFilter):  # type: ignore[misc] # untyped library
    field_class = forms.IntegerField


_TAG_ERRORS = {
    "invalid_choice": "You have no tag with the id %(value)s: see /api/tags.",
    "invalid_pk_value": "Give the id of a tag, a number: see /api/tags.",
}


def own_tags(request: Request) -> QuerySet[Tag]:
    return Tag.objects.filter(user=request.user.pk)


_NONE = [("none", "none")]


class TaskFilter(NamedFilterSet):
    completed = BooleanFilter()
    pinned = BooleanFilter()
    recurring = BooleanFilter(field_name="is_recurring")
    all_day = BooleanFilter(help_text="Due on a day, not at a time.")
    external_id = filters.CharFilter(max_length=200, help_text="Its id in another system.")
    archived = BooleanFilter(help_text="Default false.")
    trash = BooleanFilter(method="in_trash", help_text="Default false.")
    overdue = BooleanFilter(method="is_overdue", help_text="Open, and due_at has passed.")
    priority = filters.CharFilter(method="of_priority", help_text="An id or a name.")
    parent = IdFilter(field_name="parent_task_id", help_text="The id of a series' head.")
    series = filters.UUIDFilter(field_name="series_id", help_text="The series_id of its tasks.")
    tag = filters.ModelMultipleChoiceFilter(
        field_name="tags",
        queryset=own_tags,
        method="any_tag",
        error_messages=_TAG_ERRORS,
        help_text="A tag's id; repeat it for any of several.",
    )
    tag_all = filters.ModelMultipleChoiceFilter(
        field_name="tags",
        queryset=own_tags,
        method="all_tags",
        error_messages=_TAG_ERRORS,
        help_text="A tag's id; repeat it for all of several.",
    )
    untagged = BooleanFilter(method="is_untagged")
    due = filters.ChoiceFilter(choices=_NONE, method="without_due", help_text="`none`: no due date.")
    reminder = filters.ChoiceFilter(
        choices=_NONE,
        method="without_reminder",
        help_text="`none`: neither reminder_at nor reminder_offsets.",
    )
    due_after = InstantFilter("due_at", "gte")
    due_before = InstantFilter("due_at", "lt")
    reminder_after = InstantFilter("reminder_at", "gte")
    reminder_before = InstantFilter("reminder_at", "lt")
    created_after = InstantFilter("created_at", "gte")
    created_before = InstantFilter("created_at", "lt")
    updated_after = InstantFilter("updated_at", "gte")
    updated_before = InstantFilter("updated_at", "lt")
    completed_after = InstantFilter("completed_at", "gte")
    completed_before = InstantFilter("completed_at", "lt")
    q = filters.CharFilter(
        method="search",
        max_length=200,
        help_text=(
            "Words of title and description; beginnings count, accents only for what comes first. Without"
            " `ordering` the best come first (`-rank`). Of many that match only the newest are ranked, 64 at"
            " least; the older ones follow, the newest first."
        ),
    )

    class Meta:
        model = Task
        fields: list[str] = []

    def filter_queryset(self, queryset: QuerySet[Task]) -> QuerySet[Task] | KeyedAndEmpty:
        filtered: QuerySet[Task] = super().filter_queryset(queryset)
        if "archived" not in self.data:
            filtered = filtered.filter(archived=False)
        if "trash" not in self.data:
            filtered = filtered.filter(deleted_at__isnull=True)
        if "q" not in self.data:
            return filtered
        words = query_of(self.request.user.pk, self.data["q"])
        if words is None:
            return queryset.none().annotate(rank=Value(0))
        if self.data.get(ORDERING, RANK).removeprefix("-") == RANK:
            return by_rank(queryset, filtered, words)
        return matching(filtered, words)

    def in_trash(self, queryset: QuerySet[Task], _name: str, value: bool) -> QuerySet[Task]:
        return queryset.filter(deleted_at__isnull=not value)

    def is_overdue(self, queryset: QuerySet[Task], _name: str, value: bool) -> QuerySet[Task]:
        now = timezone.now()
        # The day of an all-day task is over a minute after its last one began.
        passed = Q(all_day=False, due_at__lt=now) | Q(all_day=True, due_at__lte=now - timedelta(minutes=1))
        overdue = OPEN & Q(due_at__isnull=False) & passed
        return queryset.filter(overdue if value else ~overdue)

    def of_priority(self, queryset: QuerySet[Task], _name: str, value: str) -> QuerySet[Task]:
        by_id = value.isascii() and value.isdigit() and len(value) <= DIGITS_OF_ID
        found = Priority.objects.filter(Q(pk=int(value)) if by_id else Q(name__iexact=value)).first()
        if found is None:
            raise ValidationError({"priority": ["There is no such priority: see /api/priorities."]})
        return queryset.filter(priority=found)

    def any_tag(self, queryset: QuerySet[Task], _name: str, tags: Any) -> QuerySet[Task]:
        return queryset.filter(self._has(tags)) if tags else queryset

    def all_tags(self, queryset: QuerySet[Task], _name: str, tags: Any) -> QuerySet[Task]:
        for tag in tags:
            queryset = queryset.filter(self._has([tag]))
        return queryset

    def is_untagged(self, queryset: QuerySet[Task], _name: str, value: bool) -> QuerySet[Task]:
        tagged = Exists(TaskTag.objects.filter(task=OuterRef("pk")))
        return queryset.filter(~tagged if value else tagged)

    def without_due(self, queryset: QuerySet[Task], _name: str, _value: str) -> QuerySet[Task]:
        return queryset.filter(due_at__isnull=True)

    def without_reminder(self, queryset: QuerySet[Task], _name: str, _value: str) -> QuerySet[Task]:
        return queryset.filter(reminder_at__isnull=True, reminder_offsets=[])

    def search(self, queryset: QuerySet[Task], _name: str, value: str) -> QuerySet[Task]:
        return queryset  # last, when all else is filtered

    @staticmethod
    def _has(tags: Any) -> Exists:
        return Exists(TaskTag.objects.filter(task=OuterRef("pk"), tag__in=list(tags)))
