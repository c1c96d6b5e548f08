"""Whether a delivery that is due is still to be sent, and whether now. The task is read again for it."""

from collections.abc import Sequence
from datetime import datetime

from django.db.models import Prefetch, prefetch_related_objects

from notifications_app.channels import all_channels
from notifications_app.due_soon import is_still_due_soon
from notifications_app.models import Delivery, Reminder
from notifications_app.planning import rings_in_quiet_hours
from notifications_app.quiet_hours import end_of_quiet_hours
from tasks_app.reminding import still_rings_at


def load_named(notices: Sequence[Delivery], now: datetime) -> None:
    """Load what the notices are about: the task that is due, or what they name and what of it is wanted."""
    if notices:
        pending = Delivery.objects.filter(state=Delivery.State.PENDING).select_related("reminder__task")
        prefetch_related_objects(notices, "due_task", Prefetch("named", pending))
    for notice in notices:
        notice.wanted = [each for each in notice.named.all() if each.reminder and _rings(each.reminder, now)]


def end_before_sending(delivery: Delivery, now: datetime) -> Delivery.State | None:
    """The state of a delivery that must not be sent any longer; None if it must be sent."""
    if delivery.expires_at <= now:
        return Delivery.State.EXPIRED
    reaches = delivery.user.is_active and all_channels()[delivery.channel].reaches(delivery)
    return None if reaches and _is_wanted(delivery, now) else Delivery.State.CANCELLED


def end_of_wait(delivery: Delivery, now: datetime) -> datetime | None:
    """The end of quiet hours for which a delivery has to wait, such as one that failed before they began."""
    reminder = delivery.reminder
    if reminder is None and delivery.notice is None:  # a test
        return None
    if reminder and rings_in_quiet_hours(reminder.task, reminder.reminder_at):
        return None
    return end_of_quiet_hours(delivery.user, now)


def _is_wanted(delivery: Delivery, now: datetime) -> bool:
    if delivery.reminder:
        return _rings(delivery.reminder, now)
    if delivery.due_task:
        return is_still_due_soon(delivery.due_task, now)
    return delivery.notice is None or bool(delivery.wanted)


def _rings(reminder: Reminder, now: datetime) -> bool:
    return still_rings_at(reminder.task, reminder.reminder_at, now=now)
