"""Push subscriptions, due reminders with what links did, and their deliveries with each attempt."""

from collections.abc import Sequence

from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts_app.models import User
from tasks_app.models import Task

# PostgreSQL indexes at most 2,704 bytes of a unique value; real endpoints have 150 to 500 characters.
ENDPOINT_MAX_LENGTH = 2000
# The channel of deliveries to a browser.
WEB_PUSH = "web_push"


class PushSubscription(models.Model):
    """One browser's push endpoint (RFC 8030). Subscribing again binds it to the user who is signed in now."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="push_subscriptions")
    endpoint = models.CharField(max_length=ENDPOINT_MAX_LENGTH, unique=True)
    p256dh_key = models.CharField(
        max_length=100, help_text="base64url of the browser's P-256 point, 65 bytes"
    )
    auth_key = models.CharField(max_length=50, help_text="base64url of the browser's secret, 16 bytes")
    user_agent = models.CharField(max_length=500, blank=True, default="")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        db_table = "push_subscriptions"
        ordering = ["-created_at", "-id"]

    def __str__(self) -> str:
        return f"{self.user_agent or 'a browser'} ({self.pk})"


class Reminder(models.Model):
    """A due reminder, which the scan creates once for each task and time."""

    class State(models.TextChoices):
        WAITING = "waiting"  # it came due in the user's quiet hours, and waits for their end
        DUE = "due"  # deliveries are pending
        DELIVERED = "delivered"  # to at least one device or address, alone or in a notice with others
        NO_DEVICE = "no_device"  # the user had no device, and no address that gets reminders
        NO_CHANNEL = "no_channel"  # the user has chosen no channel
        MISSED = "missed"  # found so late that only one notice says so of all of them
        UNDELIVERED = "undelivered"  # every delivery failed
        CANCELLED = "cancelled"  # the task was completed, deleted or moved before a delivery

    task = models.ForeignKey(Task, on_delete=models.CASCADE, related_name="reminders", db_index=False)
    reminder_at = models.DateTimeField()
    claimed_at = models.DateTimeField()
    lateness = models.DurationField()
    event_id = models.UUIDField(unique=True)
    state = models.CharField(max_length=11, choices=State, default=State.DUE)
    # The end of the quiet hours that it waited for, or would have waited for; null: it came due outside.
    quiet_until = models.DateTimeField(null=True)
    # When a WAITING one becomes deliveries, or a MISSED one part of a notice; null once it has, or at once.
    waits_until = models.DateTimeField(null=True)

    class Meta:
        db_table = "reminders"
        ordering = ["-claimed_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["task", "reminder_at"], name="reminder_once_per_instant"),
        ]
        indexes = [
            models.Index(fields=["-claimed_at"], name="reminders_by_claim"),
            models.Index(
                fields=["waits_until"], condition=Q(waits_until__isnull=False), name="reminders_that_wait"
            ),
        ]

    def __str__(self) -> str:
        return f"task {self.task_id} at {self.reminder_at:%Y-%m-%d %H:%M}"


class Delivery(models.Model):
    """One message to one target, created once for each event, channel and target."""

    class State(models.TextChoices):
        PENDING = "pending"
        SENT = "sent"
        CANCELLED = "cancelled"
        FAILED = "failed"
        EXPIRED = "expired"

    class Notice(models.TextChoices):
        """What a delivery says that is of no one reminder."""

        LIST = "list"  # several reminders that waited for the end of quiet hours
        MISSED = "missed"  # reminders that were missed
        DUE_SOON = "due_soon"  # `due_task` is due within a day

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="deliveries")
    reminder = models.ForeignKey(Reminder, on_delete=models.CASCADE, null=True, related_name="deliveries")
    # Without a reminder; null: it tests a browser.
    notice = models.CharField(max_length=8, choices=Notice, null=True)  # noqa: DJ001
    due_task = models.ForeignKey(Task, on_delete=models.CASCADE, null=True, related_name="+", db_index=False)
    # The notice that named this reminder: it was sent instead of this delivery, which has its state.
    sent_with = models.ForeignKey(
        "self", on_delete=models.SET_NULL, null=True, related_name="named", db_index=False
    )
    event_id = models.UUIDField()
    channel = models.CharField(max_length=20)
    target = models.CharField(max_length=ENDPOINT_MAX_LENGTH)
    # `target` stays when the subscription is deleted.
    subscription = models.ForeignKey(
        PushSubscription, on_delete=models.SET_NULL, null=True, related_name="deliveries"
    )
    state = models.CharField(max_length=9, choices=State, default=State.PENDING)
    # The earliest time of the next attempt. During an attempt, the end of the worker's lease.
    next_attempt_at = models.DateTimeField(default=timezone.now)
    # When the last message to Celery was sent. A tick sends another one if the row stays due.
    queued_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField()
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    sent_at = models.DateTimeField(null=True)

    # Of a notice that a worker has claimed: the deliveries in `named` that are still wanted.
    wanted: Sequence["Delivery"] = ()

    class Meta:
        db_table = "deliveries"
        ordering = ["-created_at", "-id"]
        verbose_name_plural = "deliveries"
        constraints = [
            models.UniqueConstraint(
                fields=["event_id", "channel", "target"], name="delivery_once_per_target"
            ),
        ]
        indexes = [
            models.Index(fields=["next_attempt_at"], condition=Q(state="pending"), name="deliveries_to_make"),
            models.Index(fields=["-created_at", "-id"], name="deliveries_by_creation"),
            models.Index(
                fields=["due_task"], condition=Q(due_task__isnull=False), name="deliveries_of_a_task"
            ),
            models.Index(
                fields=["sent_with"], condition=Q(sent_with__isnull=False), name="deliveries_in_notices"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.channel} {self.state} ({self.pk})"


class DeliveryAttempt(models.Model):
    """One attempt of a delivery, recorded before sending; its outcome is recorded afterwards."""

    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, related_name="attempts")
    at = models.DateTimeField(default=timezone.now)
    status = models.PositiveSmallIntegerField(
        null=True, help_text="What the push service answered (HTTP status)"
    )
    error = models.TextField(blank=True, default="")

    class Meta:
        db_table = "delivery_attempts"
        ordering = ["at", "id"]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S} {self.status or self.error or 'no outcome'}"


class ReminderAction(models.Model):
    """What the first use of an action of a reminder's notification did; a later use changes nothing."""

    class Outcome(models.TextChoices):
        DONE = "done"
        # Why nothing was changed: what had become of the task before.
        COMPLETED = "completed"
        DELETED = "deleted"
        ARCHIVED = "archived"
        MOVED = "moved"  # the task no longer has a reminder at that time
        CLOSED = "closed"  # the user's account

    reminder = models.ForeignKey(Reminder, on_delete=models.CASCADE, related_name="actions", db_index=False)
    action = models.CharField(max_length=20)
    at = models.DateTimeField()
    outcome = models.CharField(max_length=9, choices=Outcome)
    # What it wrote, so that it can be undone while the task still has it.
    completed_at = models.DateTimeField(null=True)
    snoozed_until = models.DateTimeField(null=True)
    snoozed_before = models.DateTimeField(null=True)
    undone_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "reminder_actions"
        ordering = ["at", "id"]
        constraints = [
            models.UniqueConstraint(fields=["reminder", "action"], name="reminder_action_once"),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.outcome} {self.at:%Y-%m-%d %H:%M}"
