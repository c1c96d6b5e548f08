"""Tasks, tags, priorities and slots in the admin. Changes made here record their events as everywhere."""

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db import transaction
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html_join

from accounts_app.models import User
from http_app.admin_classes import LargeTableAdmin, ReadOnly
from http_app.datetime_fields import EARLIEST, LATEST
from recurrence.rules import zone
from tasks_app.models import DEFAULT_PRIORITY_ID, Priority, SeriesSlot, Tag, Task, TaskTag
from tasks_app.pages import DIGITS_OF_ID
from tasks_app.querysets import TaskQuerySet
from tasks_app.reminding import is_silent
from tasks_app.searching import WORDS, beginning_with, plain_words
from tasks_app.series import text_of_rule
from tasks_app.services import complete_task, restore_task, trash_task
from tasks_app.upcoming import upcoming

# Typing "a" does not look for a particular user.
MAX_USERS_FOUND = 100

RECURRENCE = ["recurrence_rule", "recurrence_mode", "recurrence_end", "timezone"]
# Derived, or changed by the actions: read-only here.
OF_SERIES = ["in_words", "upcoming"]
DERIVED_STATE = ["all_day", "completed_at", "deleted_at"]
DERIVED_REMINDERS = [
    "reminder_sent",
    "next_reminder_at",
    "reminded_until",
    "day_starts_at",
    "due_announced_for",
]
DERIVED_SERIES = [
    "is_recurring", "series_id", "anchor_local", "occurrence_at", "series_has_due", "reminder_distance",
    "series_all_day", "slot_state", "untouched_version", "generated_from", "recurring_task",
]  # fmt: skip
RECORD = ["version", "created_at", "updated_at"]


class OwnedForm(forms.ModelForm):  # type: ignore[type-arg] # not generic at run time
    """A form for an object that keeps its user. Its times are in years that recurrence can compute with."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "user" in self.fields:
            self.fields["user"].disabled = self.instance.pk is not None

    def clean(self) -> dict[str, Any]:
        """Only the changed fields: a page shows times without microseconds, and must not save those."""
        cleaned = super().clean() or self.cleaned_data
        for name, value in list(cleaned.items()):
            if isinstance(value, date) and not EARLIEST.year <= value.year < LATEST.year:
                self.add_error(name, "The year must be from 1970 to 8999.")
        return {name: value for name, value in cleaned.items() if name in self.changed_data}

    def clean_reminder_offsets(self) -> list[int]:
        return sorted(set(self.cleaned_data["reminder_offsets"]))


class TaskForm(OwnedForm):
    # The version that the operator saw: a page left open must not overwrite later changes.
    seen_version = forms.IntegerField(widget=forms.HiddenInput, required=False)
    # Tags of the task's user. A new task has a user, and so tags, only after it is saved.
    tag_ids = forms.ModelMultipleChoiceField(Tag.objects.none(), required=False, label="Tags")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk and "tag_ids" in self.fields:
            self.fields["seen_version"].initial = self.instance.version
            tags: Any = self.fields["tag_ids"]
            tags.queryset = Tag.objects.filter(user=self.instance.user_id)
            tags.initial = TaskTag.objects.ids_by_task([self.instance.pk])[self.instance.pk]

    def clean_description(self) -> str | None:
        # A browser sends CRLF for each line break, and nothing for null.
        return self.cleaned_data["description"].replace("\r\n", "\n") or None

    def clean(self) -> dict[str, Any]:
        seen = self.cleaned_data.get("seen_version")
        if self.instance.pk and seen is not None and seen != self.instance.version:
            message = "The task has changed since this page was opened. Open it again."
            raise forms.ValidationError(message, code="stale")
        return super().clean()


class TrashFilter(admin.SimpleListFilter):
    title = "trash"
    parameter_name = "trash"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("true", "In the trash"), ("false", "Not in the trash")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Task]) -> QuerySet[Task]:
        return queryset.filter(deleted_at__isnull=self.value() == "false") if self.value() else queryset


@admin.register(Task)
class TaskAdmin(LargeTableAdmin):
    form = TaskForm
    list_display = [
        "id", "title", "user", "completed", "archived", "in_trash", "priority", "due_at", "next_reminder_at",
        "is_recurring", "updated_at",
    ]  # fmt: skip
    list_select_related = ["user", "priority"]
    list_filter = ["completed", "archived", TrashFilter, "is_recurring", "priority"]
    ordering = ["-id"]
    search_fields = ["title", "id", "user__email"]
    search_help_text = "A task's id, the beginning of its user's e-mail, or of words in title or description."
    actions = ["trash", "restore", "complete"]
    autocomplete_fields = ["user"]
    raw_id_fields = ["parent_task"]
    readonly_fields = ["trace", *DERIVED_STATE, *DERIVED_REMINDERS, *OF_SERIES, *DERIVED_SERIES, *RECORD]
    fieldsets = [
        (
            None,
            {
                "fields": [
                    "seen_version",
                    "user",
                    "external_id",
                    "title",
                    "description",
                    "priority",
                    "color",
                    "due_at",
                    "due_date",
                    "tag_ids",
                ]
            },
        ),
        ("State", {"fields": ["completed", "pinned", "archived", *DERIVED_STATE]}),
        (
            "Reminders",
            {
                "fields": [
                    *("trace", "reminder_at", "reminder_offsets", "snoozed_until", "rings_in_quiet_hours"),
                    *DERIVED_REMINDERS,
                ]
            },
        ),
        ("Recurrence", {"fields": [*RECURRENCE, *OF_SERIES, "parent_task", *DERIVED_SERIES]}),
        ("Record", {"fields": [*RECORD]}),
    ]

    @admin.display(description="what happened to it")
    def trace(self, task: Task) -> str:
        """Links to its reminders, from there to deliveries and attempts, and to its events that are stuck."""
        pages = [
            ("reminders", "notifications_app_reminder", f"task__id__exact={task.pk}"),
            ("parked events", "events_app_parkedevent", f"q={task.pk}"),
            ("dead letters", "events_app_deadletter", f"q={task.pk}"),
        ]
        links = ((reverse(f"admin:{page}_changelist"), query, name) for name, page, query in pages)
        return format_html_join(" | ", '<a href="{}?{}">{}</a>', links)

    @admin.display(description="in trash", boolean=True)
    def in_trash(self, task: Task) -> bool:
        return task.deleted_at is not None

    @admin.display(description="in words")
    def in_words(self, task: Task) -> str | None:
        return text_of_rule(
            task.recurrence_rule, task.anchor_local, task.timezone, all_day=task.series_all_day
        )

    @admin.display(description="next five")
    def upcoming(self, task: Task) -> str:
        slots = [] if is_silent(task) else upcoming(task, now=timezone.now())
        times = (slot.astimezone(zone(task.timezone)) for slot in slots)
        return format_html_join("", "{}<br>", ((f"{at:%A, %-d %B %Y, %H:%M %Z}",) for at in times)) or "none"

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj:
            return super().get_fieldsets(request, obj)
        return without("tag_ids", without("trace", self.fieldsets))

    def save_model(self, request: HttpRequest, obj: Task, form: Any, change: bool) -> None:
        tags = form.cleaned_data.get("tag_ids")
        obj.save(tag_ids=None if tags is None else [tag.pk for tag in tags])

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Task | None:
        """Locked if it is about to be written, so that the checked values are the saved ones."""
        task: Task | None = super().get_object(request, object_id, from_field)
        if task is None or request.method != "POST":
            return task
        return Task.objects.filter(pk=task.pk).locked().first()

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """All words must match, each by an index, since there can be millions of tasks."""
        if words := plain_words(search_term):
            queryset = queryset.alias(all_words=WORDS)
        for word in words:
            queryset = queryset.filter(_matches(word))
        return queryset, False

    @admin.action(description="Move to the trash", permissions=["change"])
    def trash(self, request: HttpRequest, queryset: TaskQuerySet[Task]) -> None:
        self._each(request, queryset.filter(deleted_at=None), trash_task, "moved to the trash")

    @admin.action(description="Restore from the trash", permissions=["change"])
    def restore(self, request: HttpRequest, queryset: TaskQuerySet[Task]) -> None:
        self._each(request, queryset.exclude(deleted_at=None), restore_task, "restored from the trash")

    @admin.action(description="Complete", permissions=["change"])
    def complete(self, request: HttpRequest, queryset: TaskQuerySet[Task]) -> None:
        self._each(request, queryset.filter(completed=False, deleted_at=None), complete_task, "completed")

    def _each(
        self,
        request: HttpRequest,
        tasks: TaskQuerySet[Task],
        service: Callable[[Task], Task],
        done_to_it: str,
    ) -> None:
        """One transaction for each, so that other requests do not wait for the whole selection."""
        done = sum(
            self._one(request, tasks.filter(pk=pk), service, done_to_it)
            for pk in tasks.values_list("pk", flat=True)
        )
        self.message_user(request, f"{done} {done_to_it}.", messages.SUCCESS)

    @transaction.atomic
    def _one(
        self, request: HttpRequest, row: TaskQuerySet[Task], service: Callable[[Task], Task], done_to_it: str
    ) -> bool:
        """Whether the task still matches, now that it is locked."""
        task = row.locked().first()
        if task is not None:
            service(task)
            self.log_change(request, task, done_to_it.capitalize() + ".")
        return task is not None


@admin.register(Priority)
class PriorityAdmin(admin.ModelAdmin):  # type: ignore[type-arg] # not generic at run time
    list_display = ["level", "name", "color"]
    list_display_links = ["name"]

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Says why one cannot be deleted, without loading the tasks that use it, which may be all of them."""
        priorities: list[Priority] = list(objs)
        kept = [f"{priority}: {why}" for priority in priorities for why in _uses(priority)]
        return [str(priority) for priority in priorities], {"priorities": len(priorities)}, set(), kept


@admin.register(Tag)
class TagAdmin(LargeTableAdmin):
    form = OwnedForm
    fields = ["user", "name", "color", "created_at"]
    readonly_fields = ["created_at"]
    list_display = ["id", "name", "user", "color", "created_at"]
    list_select_related = ["user"]
    ordering = ["-id"]
    search_fields = ["name", "user__email"]
    autocomplete_fields = ["user"]


@admin.register(SeriesSlot)
class SeriesSlotAdmin(ReadOnly, LargeTableAdmin):
    list_display = ["id", "user", "series_id", "recurring_task", "slot_at", "outcome", "recorded_at"]
    list_select_related = ["user", "recurring_task"]
    list_filter = ["outcome"]
    ordering = ["-id"]
    search_fields = ["series_id", "recurring_task__template_title", "user__email"]

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """A slot is deleted with its template or its user, never alone."""
        match = request.resolver_match
        alone = match is None or (match.url_name or "").startswith("tasks_app_seriesslot_")
        return not alone and admin.ModelAdmin.has_delete_permission(self, request, obj)


def without(name: str, fieldsets: Any) -> list[Any]:
    """The fieldsets of a page without one of the fields."""
    return [
        (title, {**options, "fields": [field for field in options["fields"] if field != name]})
        for title, options in fieldsets
    ]


def _matches(word: str) -> Q:
    """By words, by id or by user. Users are looked up first: an OR across tables has no index."""
    users = User.objects.filter(email__istartswith=word).values_list("pk", flat=True)[:MAX_USERS_FOUND]
    found = Q(all_words=beginning_with(word)) | Q(user__in=list(users))
    if word.isascii() and word.isdigit() and len(word) <= DIGITS_OF_ID:
        found |= Q(pk=int(word))
    return found


def _uses(priority: Priority) -> Sequence[str]:
    """What still uses this priority."""
    uses = ["new tasks: it is the priority they get"] if priority.pk == DEFAULT_PRIORITY_ID else []
    relations: list[tuple[type[Model], str]] = [
        (relation.related_model, relation.field.name) for relation in Priority._meta.related_objects
    ]
    return uses + [
        f"{model._meta.verbose_name_plural} that have it: give them another first"
        for model, name in relations
        if model._base_manager.filter(**{name: priority}).exists()
    ]
