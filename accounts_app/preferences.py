"""How a user wants to be reminded: columns of `users`, which the user changes with PATCH /api/me."""

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models import F, Q

MAX_REMINDER_OFFSET_MINUTES = 366 * 24 * 60  # a year ahead: a passport, an insurance

QUIET_HOURS = models.CheckConstraint(
    condition=Q(quiet_from__isnull=True, quiet_to__isnull=True)
    | Q(quiet_from__isnull=False, quiet_to__isnull=False) & ~Q(quiet_from=F("quiet_to")),
    name="user_quiet_hours_both_or_neither",
)


class Channel(models.TextChoices):
    """A way to send reminders that a user can choose."""

    PUSH = "push"
    EMAIL = "email"


class EmailStop(models.TextChoices):
    """Why no reminders are sent to an address."""

    UNSUBSCRIBED = "unsubscribed"
    REFUSED = "refused"  # permanently, by the mail server of the address


def push_alone() -> list[str]:
    return [Channel.PUSH]


class Addressed:
    """Someone with an address, which may get reminders."""

    email: str | None
    email_confirmed: bool
    email_stopped: str | None

    @property
    def email_gets_reminders(self) -> bool:
        """Whether reminders may be sent to the address."""
        return bool(self.email) and self.email_confirmed and self.email_stopped is None


class Preferences(Addressed, models.Model):
    """The preferences for reminders. Every field has a default that is in the database too."""

    # Minutes before the due time of a new task, if the client names no reminder.
    default_reminder_offset = models.PositiveIntegerField(
        null=True, blank=True, validators=[MaxValueValidator(MAX_REMINDER_OFFSET_MINUTES)]
    )
    # By the clock of the user's own zone. They may span midnight.
    quiet_from = models.TimeField(null=True, blank=True)
    quiet_to = models.TimeField(null=True, blank=True)
    # An empty list: no reminders at all.
    channels = ArrayField(
        models.CharField(max_length=5, choices=Channel), default=push_alone, db_default=["push"], blank=True
    )
    due_soon_notifications = models.BooleanField(default=False, db_default=False)
    # Null: none. Choosing the channel `email` or confirming the address again ends a stop.
    email_stopped = models.CharField(max_length=12, choices=EmailStop, null=True, blank=True)  # noqa: DJ001 - null: not stopped

    class Meta:
        abstract = True
