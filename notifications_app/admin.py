"""Notifications in the admin. Operators can see them, and send deliveries again, but not edit them."""

from datetime import datetime

from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.db import transaction
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html

from http_app.admin_classes import FoundByTask, LargeTableAdmin
from notifications_app.deliveries import resend
from notifications_app.endpoints import host_of
from notifications_app.models import Delivery, DeliveryAttempt, PushSubscription, Reminder, ReminderAction
from notifications_app.push_answers import meaning_of
from notifications_app.trace import seconds_of_stages, why
from tasks_app.models import Task

_WITHOUT_TASK = {None: "a test", "list": "several, in one notice", "missed": "missed reminders"}


class Recorded:
    """For rows that record what happened: they cannot be added or changed."""

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class AttemptInWords:
    """For attempts: what the answer means."""

    @admin.display(description="what it means, and what to do")
    def meaning(self, attempt: DeliveryAttempt) -> str:
        return meaning_of(attempt)


class DeliveryInWords:
    """For deliveries: the push service without the secret part of its URL, and the next attempt if any."""

    @admin.display(description="push service")
    def service(self, delivery: Delivery) -> str:
        return host_of(delivery.target)

    @admin.display(description="next attempt", empty_value="none")
    def next_attempt(self, delivery: Delivery) -> datetime | None:
        return delivery.next_attempt_at if delivery.state == Delivery.State.PENDING else None


class AttemptInline(Recorded, AttemptInWords, admin.TabularInline):  # type: ignore[type-arg] # not generic
    model = DeliveryAttempt
    fields = ["at", "status", "meaning", "error"]
    readonly_fields = ["meaning"]
    extra = 0
    can_delete = False


class DeliveryInline(Recorded, DeliveryInWords, admin.TabularInline):  # type: ignore[type-arg] # not generic
    model = Delivery
    fields = ["state", "service", "last_attempt", "next_attempt", "expires_at", "sent_at"]
    readonly_fields = ["service", "last_attempt", "next_attempt"]
    extra = 0
    can_delete = False
    show_change_link = True

    def get_queryset(self, request: HttpRequest) -> QuerySet[Delivery]:
        return super().get_queryset(request).prefetch_related("attempts")

    @admin.display(description="last attempt")
    def last_attempt(self, delivery: Delivery) -> str:
        last = max(delivery.attempts.all(), key=lambda attempt: attempt.pk, default=None)
        return f"{last.status or ''} {meaning_of(last)}".strip() if last else "none yet"


class ActionInline(Recorded, admin.TabularInline):  # type: ignore[type-arg] # not generic
    """What the links of the notification did."""

    model = ReminderAction
    fields = ["action", "at", "outcome", "completed_at", "snoozed_until", "undone_at"]
    extra = 0
    can_delete = False


@admin.register(PushSubscription)
class PushSubscriptionAdmin(Recorded, LargeTableAdmin):
    """Operators can find and remove the subscriptions of browsers. The keys are not shown."""

    list_display = ["id", "user", "user_agent", "service", "created_at", "updated_at"]
    list_select_related = ["user"]
    list_filter = ["created_at"]
    search_fields = ["user__email", "endpoint", "user_agent"]
    fields = ["user", "endpoint", "user_agent", "created_at", "updated_at"]

    @admin.display(description="push service")
    def service(self, subscription: PushSubscription) -> str:
        return host_of(subscription.endpoint)


@admin.register(Reminder)
class ReminderAdmin(Recorded, FoundByTask, LargeTableAdmin):
    list_display = ["id", "state", "of_task", "owner", "reminder_at", "lateness", "claimed_at"]
    list_select_related = ["task__user"]
    list_filter = ["state", "claimed_at"]
    search_fields = ["task__title", "task__user__email", "event_id"]
    search_help_text = "A task's id, a part of its title or of its user's e-mail, or an event's id."
    task_lookup = "task"
    fields = ["why", "state", "task", "reminder_at", "claimed_at", "lateness", "event_id"]
    readonly_fields = ["why"]
    inlines = [DeliveryInline, ActionInline]

    class Media:
        css = {"all": ["notifications_app/lists.css"]}

    @admin.display(description="what became of it")
    def why(self, reminder: Reminder) -> str:
        return why(reminder, reminder.task.user.timezone)

    @admin.display(description="task")
    def of_task(self, reminder: Reminder) -> str:
        return link_to(reminder.task)

    @admin.display(description="user", ordering="task__user__email")
    def owner(self, reminder: Reminder) -> str:
        return str(reminder.task.user)


@admin.register(Delivery)
class DeliveryAdmin(Recorded, DeliveryInWords, FoundByTask, LargeTableAdmin):
    list_display = ["id", "state", "task", "user", "service", "created_at", "next_attempt", "sent_at"]
    list_select_related = ["user", "reminder__task", "due_task"]
    list_filter = ["state", "channel", "created_at"]
    search_fields = ["user__email", "target", "event_id", "reminder__task__title"]
    search_help_text = "The id of a task or a delivery, a part of an e-mail or a title, or an event's id."
    task_lookup = "reminder__task"
    fields = [
        "state", "reminder", "task", "notice", "sent_with", "user", "channel", "target", "subscription",
        "created_at", "next_attempt", "sent_at", "expires_at", "time_went", "event_id",
    ]  # fmt: skip
    readonly_fields = ["task", "next_attempt", "time_went"]
    actions = ["send_again"]
    inlines = [AttemptInline]

    class Media:
        css = {"all": ["notifications_app/lists.css"]}

    @admin.display(description="task")
    def task(self, delivery: Delivery) -> str:
        task = delivery.reminder.task if delivery.reminder else delivery.due_task
        return link_to(task) if task else _WITHOUT_TASK[delivery.notice]

    @admin.display(description="where the time went", empty_value="none")
    def time_went(self, delivery: Delivery) -> str | None:
        if delivery.reminder is None:
            return None
        seconds = seconds_of_stages(delivery.reminder, delivery)
        return ", ".join(f"{name} {time:.1f} s" for name, time in seconds.items() if time is not None)

    @admin.action(description="Send again, in any state", permissions=["resend"])
    @transaction.atomic
    def send_again(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> None:
        chosen = list(queryset)
        count = resend(chosen)
        assert request.user.pk is not None
        LogEntry.objects.log_actions(request.user.pk, chosen, CHANGE, "Queued to be sent again.")
        self.message_user(request, f"{count} queued to be sent again.", messages.SUCCESS)

    def has_resend_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("notifications_app.change_delivery")


@admin.register(DeliveryAttempt)
class DeliveryAttemptAdmin(Recorded, AttemptInWords, FoundByTask, LargeTableAdmin):
    list_display = ["id", "status", "meaning", "delivery", "at", "error"]
    list_select_related = ["delivery"]
    list_filter = ["status", "at"]
    search_fields = ["delivery__user__email", "error"]
    search_help_text = "The id of a task or an attempt, a part of a user's e-mail or of the error."
    task_lookup = "delivery__reminder__task"
    fields = ["delivery", "at", "status", "meaning", "error"]
    readonly_fields = ["meaning"]
    ordering = ["-id"]


def link_to(task: Task) -> str:
    return format_html(
        '<a href="{}">{} {}</a>', reverse("admin:tasks_app_task_change", args=[task.pk]), task.pk, task.title
    )
