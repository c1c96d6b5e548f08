"""The rows between a committed change and its effect elsewhere."""

from django.db import models
from django.db.models.functions import Cast, Coalesce
from django.utils import timezone
from uuid_utils.compat import uuid7


class CurrentTransactionId(models.Func):
    """The id of the transaction that writes the row, as a bigint (PostgreSQL's 64-bit xid8)."""

    template = "(pg_current_xact_id()::text::bigint)"
    output_field = models.BigIntegerField()


class EventFields(models.Model):
    """What every stored event has: the parts of its CloudEvents envelope."""

    event_id = models.UUIDField(default=uuid7)
    topic = models.CharField(max_length=100)
    type = models.CharField(max_length=100)
    key = models.CharField(max_length=100)
    subject = models.CharField(max_length=100)
    sequence = models.BigIntegerField()
    time = models.DateTimeField(default=timezone.now)
    data = models.JSONField()
    request_id = models.CharField(max_length=64, blank=True, default="")
    # Whose it is, when the data says so: erasure finds it by this. Null in events of releases without it.
    user_id = models.UUIDField(null=True)
    # Empty in events of releases that did not know it.
    actor = models.CharField(max_length=50, blank=True, default="", db_default="")

    class Meta:
        abstract = True


class OutboxEvent(EventFields):
    """An event on its way: written with the change it reports, removed when the broker has it.

    A later change of the same thing in the same transaction amends the row instead of adding one:
    both rows would carry the same (transaction_id, merge_key).
    """

    merge_key = models.CharField(max_length=150, null=True)  # noqa: DJ001 - null never collides
    transaction_id = models.BigIntegerField(db_default=CurrentTransactionId(), editable=False)

    class Meta:
        db_table = "outbox_events"
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["transaction_id", "merge_key"], name="outbox_one_event_per_change"
            ),
        ]
        # Whose an event is, for taking turns (events_app/turns.py).
        indexes = [
            models.Index(
                Coalesce(Cast("user_id", models.TextField()), Cast("key", models.TextField())),
                "id",
                name="outbox_by_owner",
            )
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.subject}"


class GroupsEvent(EventFields):
    """An event of one group, with the partition and offset it came from (null without Kafka)."""

    group = models.CharField(max_length=100)
    partition = models.IntegerField(null=True)
    offset = models.BigIntegerField(null=True)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.group}: {self.type} {self.subject}"


class ParkedEvent(GroupsEvent):
    """An event that one group could not handle yet, or that waits behind such an event of its key."""

    attempts = models.PositiveIntegerField(default=0)
    next_attempt_at = models.DateTimeField(default=timezone.now)
    error = models.TextField(blank=True, default="")
    parked_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "parked_events"
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["group", "event_id"], name="parked_once_per_group"),
        ]
        indexes = [
            models.Index(fields=["group", "key", "id"], name="parked_by_group_and_key"),
            models.Index(fields=["next_attempt_at"], name="parked_by_next_attempt"),
        ]


class DeadLetter(GroupsEvent):
    """An event that one group gave up on, with its origin and the error.

    `raw_value` is null for an event. A message that is no event of ours has its bytes there: its type,
    subject and data are empty, and `key` is the readable part of `raw_key`. Each of `raw_headers` is a name
    and a value in base64, or null.
    """

    attempts = models.PositiveIntegerField()
    error = models.TextField()
    died_at = models.DateTimeField(default=timezone.now)
    raw_key = models.BinaryField(null=True)
    raw_value = models.BinaryField(null=True)
    raw_headers = models.JSONField(default=list)
    # When it was put on the dead-letter topic; null until then, and where there is no Kafka.
    published_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "dead_letters"
        ordering = ["-died_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["group", "event_id"], name="dead_once_per_group"),
        ]
        indexes = [
            models.Index(fields=["-died_at"], name="dead_letters_by_time"),
            models.Index(
                fields=["id"], condition=models.Q(published_at=None), name="dead_letters_unpublished"
            ),
        ]
