"""Notifications in the admin. Operators can see them, and send deliveries again, but not edit them."""

from urllib.parse import urlsplit

from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.db import transaction
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from http_app.admin_classes import LargeTableAdmin
from notifications_app.deliveries import resend
from notifications_app.models import Delivery, DeliveryAttempt, PushSubscription, Reminder
from notifications_app.tasks import queue_deliveries


class Recorded:
    """For rows that record what happened: they cannot be added or changed."""

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class AttemptInline(Recorded, admin.TabularInline):  # type: ignore[type-arg] # not generic at run time
    model = DeliveryAttempt
    fields = ["at", "status", "error"]
    extra = 0
    can_delete = False


class DeliveryInline(Recorded, admin.TabularInline):  # type: ignore[type-arg] # not generic at run time
    model = Delivery
    fields = ["channel", "target", "state", "next_attempt_at", "expires_at", "sent_at"]
    extra = 0
    can_delete = False
    show_change_link = True


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
class ReminderAdmin(Recorded, LargeTableAdmin):
    list_display = ["id", "task", "owner", "reminder_at", "lateness", "state", "claimed_at"]
    list_select_related = ["task__user"]
    list_filter = ["state", "claimed_at"]
    search_fields = ["task__title", "task__user__email", "event_id"]
    inlines = [DeliveryInline]

    @admin.display(description="user", ordering="task__user__email")
    def owner(self, reminder: Reminder) -> str:
        return str(reminder.task.user)


@admin.register(Delivery)
class DeliveryAdmin(Recorded, LargeTableAdmin):
    list_display = ["id", "user", "task", "channel", "service", "state", "created_at", "sent_at"]
    list_select_related = ["user", "reminder__task"]
    list_filter = ["state", "channel", "created_at"]
    search_fields = ["user__email", "target", "event_id", "reminder__task__title"]
    actions = ["send_again"]
    inlines = [AttemptInline]

    @admin.display(description="task")
    def task(self, delivery: Delivery) -> str:
        return str(delivery.reminder.task) if delivery.reminder else "a test"

    @admin.display(description="push service")
    def service(self, delivery: Delivery) -> str:
        return host_of(delivery.target)

    @admin.action(description="Send again, in any state", permissions=["resend"])
    @transaction.atomic
    def send_again(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> None:
        chosen = list(queryset)
        ids = resend(chosen)
        assert request.user.pk is not None
        LogEntry.objects.log_actions(request.user.pk, chosen, CHANGE, "Queued to be sent again.")
        transaction.on_commit(lambda: queue_deliveries(ids), robust=True)
        self.message_user(request, f"{len(ids)} queued to be sent again.", messages.SUCCESS)

    def has_resend_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("notifications_app.change_delivery")


@admin.register(DeliveryAttempt)
class DeliveryAttemptAdmin(Recorded, LargeTableAdmin):
    list_display = ["id", "delivery", "at", "status", "error"]
    list_select_related = ["delivery"]
    list_filter = ["status", "at"]
    search_fields = ["delivery__user__email", "error"]
    ordering = ["-id"]


def host_of(endpoint: str) -> str:
    """The push service's host. The whole endpoint is a secret with which anyone can notify the device."""
    return urlsplit(endpoint).hostname or endpoint
