"""Templates of recurring tasks in the admin."""

from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone

from http_app.admin_classes import LargeTableAdmin
from recurrence.rules import Series
from recurring_app.models import RecurringTask
from tasks_app.admin import OwnedForm, without
from tasks_app.models import Tag

RHYTHM = {"recurrence_pattern", "cron_expression", "timezone", "starts_at", "ends_at"}


class RecurringTaskForm(OwnedForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "tags" in self.fields:
            tags: forms.ModelMultipleChoiceField[Tag] = self.fields["tags"]  # type: ignore[assignment]
            tags.queryset = Tag.objects.filter(user=self.instance.user_id)

    def clean_template_description(self) -> str | None:
        return self.cleaned_data["template_description"].replace("\r\n", "\n") or None

    def clean_starts_at(self) -> datetime:
        # A form's times have a zone; this one is read in the template's.
        return timezone.make_naive(self.cleaned_data["starts_at"])


@admin.register(RecurringTask)
class RecurringTaskAdmin(LargeTableAdmin):
    form = RecurringTaskForm
    list_display = ["id", "template_title", "user", "rule", "timezone", "next_occurrence", "is_active"]
    list_select_related = ["user"]
    list_filter = ["is_active", "recurrence_pattern"]
    ordering = ["-id"]
    search_fields = ["template_title", "id", "user__email"]
    autocomplete_fields = ["user"]
    filter_horizontal = ["tags"]
    readonly_fields = ["next_occurrence", "created_at", "updated_at"]
    fieldsets = [
        (None, {"fields": ["user", "template_title", "template_description", "priority", "tags"]}),
        ("Rhythm", {"fields": ["recurrence_pattern", "cron_expression", "timezone", "starts_at", "ends_at"]}),
        ("Generation", {"fields": ["is_active", "catch_up", "next_occurrence"]}),
        ("Its tasks", {"fields": ["due_after_minutes", "reminder_offsets"]}),
        ("Record", {"fields": ["created_at", "updated_at"]}),
    ]

    def get_exclude(self, request: HttpRequest, obj: Any = None) -> Any:
        """A new template has a user only once it is saved, so there are no tags to choose yet."""
        return None if obj else ["tags"]

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        return super().get_fieldsets(request, obj) if obj else without("tags", self.fieldsets)

    def save_model(self, request: HttpRequest, obj: RecurringTask, form: Any, change: bool) -> None:
        obj.updated_at = timezone.now()
        if RHYTHM & set(form.changed_data):
            series = Series(rule=obj.rule, timezone=obj.timezone, anchor=obj.starts_at, until=obj.ends_at)
            obj.next_occurrence = series.next_after(timezone.now())
        super().save_model(request, obj, form, change)
