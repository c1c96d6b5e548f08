"""Templates of recurring tasks in the admin."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.utils.html import format_html_join

from http_app.admin_classes import LargeTableAdmin
from http_app.errors import Conflict
from recurring_app.history import upcoming
from recurring_app.models import RecurringTask
from recurring_app.services import (
    create_template,
    pause_template,
    resume_template,
    run_template,
    update_template,
)
from tasks_app.admin import OwnedForm, without
from tasks_app.models import Tag
from tasks_app.series import text_of_rule


class RecurringTaskForm(OwnedForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "tags" in self.fields:
            tags: forms.ModelMultipleChoiceField[Tag] = self.fields["tags"]  # type: ignore[assignment]
            tags.queryset = Tag.objects.filter(user=self.instance.user_id)

    def clean_template_description(self) -> str | None:
        return self.cleaned_data["template_description"].replace("\r\n", "\n") or None

    def clean_cron_expression(self) -> str | None:
        return self.cleaned_data["cron_expression"] or None

    def clean_rrule(self) -> str | None:
        return self.cleaned_data["rrule"] or None

    def clean_starts_at(self) -> datetime:
        # A form's times have a zone; this one is read in the template's.
        return timezone.make_naive(self.cleaned_data["starts_at"])


@admin.register(RecurringTask)
class RecurringTaskAdmin(LargeTableAdmin):
    form = RecurringTaskForm
    list_display = [
        "id", "template_title", "user", "recurrence", "next_occurrence", "is_active", "has_failed",
    ]  # fmt: skip
    list_select_related = ["user"]
    list_filter = ["is_active", "recurrence_pattern", ("failed_at", admin.EmptyFieldListFilter)]
    ordering = ["-id"]
    search_fields = ["template_title", "id", "user__email"]
    autocomplete_fields = ["user"]
    filter_horizontal = ["tags"]
    actions = ["run", "pause", "resume"]
    readonly_fields = [
        "recurrence", "upcoming", "next_occurrence", "failure", "failed_at", "version", "created_at",
        "updated_at",
    ]  # fmt: skip
    fieldsets = [
        (None, {"fields": ["user", "template_title", "template_description", "priority", "tags"]}),
        (
            "Rhythm",
            {
                "fields": [
                    "recurrence_pattern",
                    "cron_expression",
                    "rrule",
                    "timezone",
                    "starts_at",
                    "ends_at",
                    "recurrence",
                ]
            },
        ),
        ("Generation", {"fields": ["is_active", "catch_up", "next_occurrence", "upcoming"]}),
        ("Failure", {"fields": ["failure", "failed_at"]}),
        ("Its tasks", {"fields": ["due_after_minutes", "reminder_offsets"]}),
        ("Record", {"fields": ["version", "created_at", "updated_at"]}),
    ]

    @admin.display(description="recurs")
    def recurrence(self, template: RecurringTask) -> str | None:
        return text_of_rule(template.rule, template.starts_at, template.timezone)

    @admin.display(description="failed", boolean=True)
    def has_failed(self, template: RecurringTask) -> bool:
        return template.failed_at is not None

    @admin.display(description="next five")
    def upcoming(self, template: RecurringTask) -> str:
        times = [datetime.fromisoformat(text) for text in upcoming(template)]
        return (
            format_html_join("", "{}<br>", ((f"{time:%A, %-d %B %Y, %H:%M %Z}",) for time in times)) or "none"
        )

    def get_exclude(self, request: HttpRequest, obj: Any = None) -> Any:
        """A new template has a user only once it is saved, so there are no tags to choose yet."""
        return None if obj else ["tags"]

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        return super().get_fieldsets(request, obj) if obj else without("tags", self.fieldsets)

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """With what the services refuse as a message."""
        try:
            return super().changeform_view(request, *args, **kwargs)
        except Conflict as refusal:
            self.message_user(request, str(refusal.detail), messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())

    def save_model(self, request: HttpRequest, obj: RecurringTask, form: Any, change: bool) -> None:
        """As the API does; the form has only what was changed."""
        fields = dict(form.cleaned_data)
        tags = fields.pop("tags", None)
        if change:
            row = RecurringTask.objects.locked().get(pk=obj.pk)
            fields.pop("user", None)
            saved = update_template(row, tag_ids=None if tags is None else {tag.pk for tag in tags}, **fields)
        else:
            saved = create_template(**fields)
        obj.pk = saved.pk
        obj.refresh_from_db()

    @admin.action(description="Generate a task now", permissions=["change"])
    def run(self, request: HttpRequest, queryset: QuerySet[RecurringTask]) -> None:
        self._each(request, queryset, run_template, "generated")

    @admin.action(description="Pause", permissions=["change"])
    def pause(self, request: HttpRequest, queryset: QuerySet[RecurringTask]) -> None:
        self._each(request, queryset, pause_template, "paused")

    @admin.action(description="Resume", permissions=["change"])
    def resume(self, request: HttpRequest, queryset: QuerySet[RecurringTask]) -> None:
        self._each(request, queryset, resume_template, "resumed")

    def _each(
        self,
        request: HttpRequest,
        templates: QuerySet[RecurringTask],
        service: Callable[[RecurringTask], Any],
        done_to_it: str,
    ) -> None:
        """One transaction for each, so that generation does not wait for the whole selection."""
        done = 0
        for pk in templates.values_list("pk", flat=True):
            try:
                with transaction.atomic():
                    template = RecurringTask.objects.locked().get(pk=pk)
                    service(template)
                    self.log_change(request, template, f"{done_to_it.capitalize()}.")
                done += 1
            except Conflict as refusal:
                self.message_user(request, f"{template}: {refusal.detail}", messages.WARNING)
        self.message_user(request, f"{done} {done_to_it}.", messages.SUCCESS)
