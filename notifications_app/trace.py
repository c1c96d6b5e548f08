"""Why a reminder rang, or did not, in a sentence that can be read out, and where the time went."""

from collections.abc import Iterable, Sequence
from datetime import timedelta

from django.utils import timezone

from notifications_app.local_words import local_words
from notifications_app.models import Delivery, Reminder
from notifications_app.push_answers import meaning_of
from tasks_app.models import Task
from tasks_app.reminding import is_instant_of, reminder_instants

State = Reminder.State

# Later than this is late: the scan runs each second.
IN_TIME = timedelta(seconds=5)


def why(reminder: Reminder, zone: str) -> str:
    """What became of a reminder, its times in this zone. Reads its task, deliveries and their attempts."""
    due = f"It was due on {local_words(reminder.reminder_at, zone)}"
    claimed = "was claimed in time"
    if reminder.lateness >= IN_TIME:
        claimed = f"was claimed {_span(reminder.lateness)} late"
    return f"{due}, {claimed}, and {_outcome(reminder, zone)}."


def why_planned(task: Task, zone: str) -> str:
    """Whether and when the task rings next, its times in this zone."""
    for field, state in (("deleted_at", "is in the trash"), ("completed", "is completed")):
        if getattr(task, field):
            return f"The task {state}, so it does not ring."
    if task.archived:
        return "The task is archived, so it does not ring."
    if task.next_reminder_at is None:
        if reminder_instants(task) or task.snoozed_until:
            return "All reminders of the task have passed."
        return "The task has no reminder."
    at = local_words(task.next_reminder_at, zone)
    if task.next_reminder_at <= timezone.now():
        return f"It has been due since {at}, and the reminder scan has not claimed it yet."
    is_snoozed = task.next_reminder_at == task.snoozed_until
    return f"It is snoozed, and rings on {at}." if is_snoozed else f"It rings next on {at}."


def seconds_of_stages(reminder: Reminder, delivery: Delivery) -> dict[str, float | None]:
    """Where the time went until the delivery was sent; None for a stage that has not ended.

    `claimed`: from the time of the reminder until the scan claimed it. `handled`: until the delivery was
    created (in quiet hours after their end). `queued`: until a worker took it. `retried`: until the last
    attempt. `sent`: until the channel had it.
    """
    attempts = sorted(delivery.attempts.all(), key=lambda attempt: attempt.pk)
    first, last = (attempts[0].at, attempts[-1].at) if attempts else (None, None)
    times = [
        ("claimed", reminder.reminder_at, reminder.claimed_at),
        ("handled", reminder.claimed_at, delivery.created_at),
        ("queued", delivery.created_at, first),
        ("retried", first, last),
        ("sent", last, delivery.sent_at),
    ]
    return {name: (end - start).total_seconds() if start and end else None for name, start, end in times}


def _outcome(reminder: Reminder, zone: str) -> str:
    deliveries = list(reminder.deliveries.all())
    if reminder.state == State.DELIVERED:
        return _delivered(reminder, deliveries)
    if reminder.state == State.DUE:
        return _pending(deliveries, zone)
    if reminder.state == State.UNDELIVERED:
        return f"reached no device: {_meaning_of_latest(deliveries) or 'it was not sent before it expired'}"
    if reminder.state == State.CANCELLED:
        return f"was not sent, because {_cause(reminder, deliveries, zone)}"
    until = reminder.waits_until or reminder.quiet_until
    when = f" on {local_words(until, zone)}" if until else ""
    return {
        State.WAITING: f"waits for the end of its user's quiet hours{when}",
        State.MISSED: f"was too late to ring: one notice{when} names all that were missed",
        State.NO_DEVICE: "was not sent, because its user had no device and no address that gets reminders",
        State.NO_CHANNEL: "was not sent, because its user has chosen no channel",
    }[State(reminder.state)]


def _delivered(reminder: Reminder, deliveries: Sequence[Delivery]) -> str:
    sent = [delivery for delivery in deliveries if delivery.state == Delivery.State.SENT]
    times = [delivery.sent_at for delivery in sent if delivery.sent_at]
    after = f", {_span(min(times) - reminder.claimed_at)} after that" if times else ""
    others = " in one notice with others" if any(delivery.sent_with_id for delivery in sent) else ""
    quiet = " when its user's quiet hours had ended" if reminder.quiet_until else ""
    return f"was sent to {_targets(sent)}{others}{quiet}{after}"


def _targets(deliveries: Sequence[Delivery]) -> str:
    emails = sum(delivery.channel == "email" for delivery in deliveries)
    counts = [(len(deliveries) - emails, "browser", "browsers"), (emails, "address", "addresses")]
    return " and ".join(f"{n} {one if n == 1 else many}" for n, one, many in counts if n) or "no device"


def _pending(deliveries: Sequence[Delivery], zone: str) -> str:
    if meaning := _meaning_of_latest(deliveries):
        pending = (one.next_attempt_at for one in deliveries if one.state == Delivery.State.PENDING)
        following = min(pending, default=None)
        again = f" The next attempt is on {local_words(following, zone)}" if following else ""
        return f"has not been sent yet: {meaning}.{again}"
    return "waits for a worker to send it"


def _meaning_of_latest(deliveries: Iterable[Delivery]) -> str:
    attempts = [attempt for delivery in deliveries for attempt in delivery.attempts.all()]
    latest = max(attempts, key=lambda attempt: attempt.pk, default=None)
    return meaning_of(latest).removesuffix(".") if latest else ""


def _cause(reminder: Reminder, deliveries: Sequence[Delivery], zone: str) -> str:
    """Why it was cancelled, as far as the task says so now."""
    task = reminder.task
    if task.deleted_at:
        return f"the task was deleted on {local_words(task.deleted_at, zone)}"
    if task.completed_at:
        return f"the task was completed on {local_words(task.completed_at, zone)}"
    if task.archived:
        return "the task was archived"
    if not is_instant_of(task, reminder.reminder_at):
        return "its time was changed before it was sent"
    if task.snoozed_until and task.snoozed_until > reminder.claimed_at:
        return f"the task was snoozed until {local_words(task.snoozed_until, zone)}"
    if any(delivery.channel == "web_push" and delivery.subscription_id is None for delivery in deliveries):
        return "its browser was unsubscribed"
    if any(delivery.channel == "email" for delivery in deliveries):
        return "its address was changed, or gets no reminders any more"
    return "the task was completed, deleted or moved meanwhile"


def _span(time: timedelta) -> str:
    """`2 s`, `3 min`, `5 h`, `2 days`."""
    seconds = time.total_seconds()
    if seconds < 1:
        return "less than 1 s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 2 * 3600:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h" if seconds < 48 * 3600 else f"{seconds / 86400:.0f} days"
