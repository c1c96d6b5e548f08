"""What notifications do about events: a reminder that came due goes to each of the user's browsers."""

from django.db import transaction

from events_app.envelope import Event
from events_app.groups import handles
from notifications_app.deliveries import REMINDER_TTL, new_delivery
from notifications_app.models import Delivery, PushSubscription, Reminder
from notifications_app.tasks import queue_deliveries
from tasks_app.models import Task


@handles("reminder.due", group="notifications")
def create_deliveries(event: Event) -> None:
    """One delivery for each browser the user has now; nothing when the event comes again.

    The task stays locked until the commit, so that an event handled twice at once is handled once, and the
    subscriptions, so that none is deleted under its delivery. The unique key holds it all in any case.
    """
    task = Task.objects.filter(reminders__event_id=event.id).locked().first()
    if task is None:  # erased meanwhile, and its reminders with it
        return
    reminder = task.reminders.get(event_id=event.id)
    if reminder.state != Reminder.State.DUE or reminder.deliveries.exists():
        # Handled before. A browser subscribed since then must not ring for what is long past.
        return
    subscriptions = _lock_subscriptions(task)
    if not subscriptions:
        reminder.state = Reminder.State.NO_DEVICE
        reminder.save(update_fields=["state"])
        return
    rows = [new_delivery(to, event_id=event.id, reminder=reminder, ttl=REMINDER_TTL) for to in subscriptions]
    created = Delivery.objects.bulk_create(rows)
    transaction.on_commit(lambda: queue_deliveries([delivery.pk for delivery in created]), robust=True)


def _lock_subscriptions(task: Task) -> list[PushSubscription]:
    rows = PushSubscription.objects.filter(user=task.user_id).order_by("pk")
    return list(rows.select_for_update(no_key=True))
