"""Conversations with the assistant, what each of its turns did, and what it asks to be allowed.

PostgreSQL has all of it. A copy in Redis may be lost at any time (state_store).
"""

from uuid import UUID

from django.db import models
from django.db.models import Q
from django.utils.timezone import now
from uuid_utils.compat import uuid7

from accounts_app.models import User

LONGEST_TITLE = 200
LONGEST_CALL_ID = 200


def new_id() -> UUID:
    """A UUIDv7: later ones are larger."""
    return uuid7()


class Conversation(models.Model):
    """Messages of one user and the assistant."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="conversations", db_index=False)
    title = models.CharField(max_length=LONGEST_TITLE, blank=True, default="")
    archived = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=now, editable=False)
    updated_at = models.DateTimeField(default=now, editable=False)

    class Meta:
        db_table = "conversations"
        ordering = ["-updated_at", "-id"]
        indexes = [models.Index(fields=["user", "-updated_at", "-id"], name="conversations_of_a_user")]

    def __str__(self) -> str:
        return str(self.id)


class Turn(models.Model):
    """What the assistant does about one message, or one call of a tool by MCP, which has no conversation.

    A RUNNING turn whose lease has passed was left by a process that died.
    """

    class State(models.TextChoices):
        RUNNING = "running"
        WAITING = "waiting"  # for a confirmation
        DONE = "done"
        FAILED = "failed"
        CANCELLED = "cancelled"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="turns", db_index=False)
    conversation = models.ForeignKey(
        Conversation, on_delete=models.CASCADE, null=True, related_name="turns", db_index=False
    )
    state = models.CharField(max_length=9, choices=State, default=State.RUNNING)
    # Of the message: a repeat with the same key gets the stored answer.
    idempotency_key = models.CharField(max_length=255, null=True)  # noqa: DJ001 - many have none
    request_hash = models.CharField(max_length=64, blank=True, default="")
    result = models.JSONField(null=True, help_text="The answer as it was sent.")
    error = models.JSONField(null=True)
    started_at = models.DateTimeField(default=now)
    ended_at = models.DateTimeField(null=True)
    lease_until = models.DateTimeField(default=now)
    undone_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "turns"
        ordering = ["-started_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["user", "idempotency_key"], name="turn_once_per_key"),
            models.UniqueConstraint(
                fields=["conversation"], condition=Q(state="running"), name="turn_one_at_a_time"
            ),
        ]
        indexes = [
            models.Index(fields=["user", "-started_at", "-id"], name="turns_of_a_user"),
            models.Index(fields=["conversation", "-started_at", "-id"], name="turns_of_a_conversation"),
            models.Index(fields=["lease_until"], condition=Q(state="running"), name="turns_running"),
        ]

    def __str__(self) -> str:
        return str(self.id)


class Message(models.Model):
    """A line of a conversation. `position` counts from 0 in each conversation."""

    class Role(models.TextChoices):
        USER = "user"
        ASSISTANT = "assistant"
        TOOL = "tool"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    conversation = models.ForeignKey(
        Conversation, on_delete=models.CASCADE, related_name="messages", db_index=False
    )
    # CASCADE, so that an erasure by batches of turns takes the messages with it.
    turn = models.ForeignKey(Turn, on_delete=models.CASCADE, null=True, related_name="messages")
    role = models.CharField(max_length=9, choices=Role)
    content = models.TextField(blank=True, default="")
    # Of the assistant: [{id, name, arguments}]. Of a tool's result: the id of its call.
    tool_calls = models.JSONField(default=list, blank=True)
    tool_call_id = models.CharField(max_length=LONGEST_CALL_ID, blank=True, default="")
    # What a provider wants back as it gave it, such as Gemini's thought signatures.
    provider_state = models.JSONField(null=True, blank=True)
    tokens_used = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(default=now, editable=False)
    position = models.PositiveIntegerField()

    class Meta:
        db_table = "messages"
        ordering = ["conversation", "position"]
        constraints = [
            models.UniqueConstraint(fields=["conversation", "position"], name="message_once_per_position")
        ]

    def __str__(self) -> str:
        return f"{self.role} {self.position}"


class ToolCall(models.Model):
    """A tool's call that has been carried out, in the transaction of what it changed: so never twice."""

    turn = models.ForeignKey(Turn, on_delete=models.CASCADE, related_name="calls", db_index=False)
    call_id = models.CharField(max_length=LONGEST_CALL_ID)
    tool = models.CharField(max_length=50)
    result = models.JSONField()
    at = models.DateTimeField(default=now)

    class Meta:
        db_table = "tool_calls"
        ordering = ["turn", "id"]
        constraints = [models.UniqueConstraint(fields=["turn", "call_id"], name="tool_call_once")]

    def __str__(self) -> str:
        return f"{self.tool} ({self.pk})"


class Change(models.Model):
    """What a turn changed, with what was there before: what an undo needs."""

    class Kind(models.TextChoices):
        TASK = "task"
        TAG = "tag"

    class Action(models.TextChoices):
        CREATED = "created"
        UPDATED = "updated"
        COMPLETED = "completed"
        REOPENED = "reopened"
        DELETED = "deleted"
        RESTORED = "restored"

    turn = models.ForeignKey(Turn, on_delete=models.CASCADE, related_name="changes", db_index=False)
    position = models.PositiveIntegerField()
    kind = models.CharField(max_length=8, choices=Kind)
    action = models.CharField(max_length=9, choices=Action)
    object_id = models.BigIntegerField()
    # False: it followed from the change of another, as a successor goes with its task. Not counted as a step.
    was_asked = models.BooleanField(default=True)
    before = models.JSONField(null=True)  # null: it was not there
    version_after = models.PositiveIntegerField()
    undone_at = models.DateTimeField(null=True)
    left_reason = models.CharField(
        max_length=200, blank=True, default="", help_text="Why an undo left it as it is."
    )

    class Meta:
        db_table = "turn_changes"
        ordering = ["turn", "position"]
        constraints = [models.UniqueConstraint(fields=["turn", "position"], name="change_once_per_position")]
        indexes = [models.Index(fields=["object_id", "kind"], name="changes_of_an_object")]

    def __str__(self) -> str:
        return f"{self.kind} {self.object_id} {self.action}"


class Confirmation(models.Model):
    """A call that waits until its user allows it. What is carried out is what is stored here."""

    class State(models.TextChoices):
        PENDING = "pending"
        CONFIRMED = "confirmed"
        DECLINED = "declined"
        EXPIRED = "expired"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="confirmations")
    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="confirmations")
    turn = models.ForeignKey(Turn, on_delete=models.CASCADE, related_name="confirmations", db_index=False)
    call_id = models.CharField(max_length=LONGEST_CALL_ID)
    tool = models.CharField(max_length=50)
    arguments = models.JSONField()
    words = models.TextField(help_text="What exactly will happen, with the names of the tasks.")
    state = models.CharField(max_length=9, choices=State, default=State.PENDING)
    expires_at = models.DateTimeField()
    created_at = models.DateTimeField(default=now, editable=False)
    decided_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "confirmations"
        ordering = ["-created_at", "-id"]
        constraints = [models.UniqueConstraint(fields=["turn", "call_id"], name="confirmation_once_per_call")]
        indexes = [
            models.Index(fields=["expires_at"], condition=Q(state="pending"), name="confirmations_pending")
        ]

    def __str__(self) -> str:
        return f"{self.tool} ({self.pk})"


class DayOfUse(models.Model):
    """What a user has used of the assistant on a day (UTC). It counts what was deleted since."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+", db_index=False)
    day = models.DateField()
    turns = models.PositiveIntegerField(default=0)
    tokens = models.PositiveBigIntegerField(default=0)

    class Meta:
        db_table = "assistant_use"
        constraints = [models.UniqueConstraint(fields=["user", "day"], name="use_once_per_day")]
        indexes = [models.Index(fields=["day"], name="assistant_use_by_day")]

    def __str__(self) -> str:
        return f"{self.day}"
