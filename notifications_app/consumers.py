"""The `notifications` group: a due reminder becomes a delivery to each of the user's browsers."""

from django.db import transaction

from events_app.envelope import Event
from events_app.groups import handles
from notifications_app.deliveries import REMINDER_TTL, new_delivery
from notifications_app.models import Delivery, PushSubscription, Reminder
from notifications_app.tasks import queue_deliveries
from tasks_app.models import Task


@handles("reminder.due", group="notifications")
def create_deliveries(event: Event) -> None:
    """Create one delivery for each browser the user has now, and nothing if the event is repeated.

    The task is locked until the commit, so that concurrent handlers of one event run one after the other. The
    subscriptions are locked, so that none is deleted before its delivery exists. The unique key also prevents
    repeats.
    """
    task = Task.objects.filter(reminders__event_id=event.id).locked().first()
    if task is None:  # erased in the meantime, with its reminders
        return
    reminder = task.reminders.get(event_id=event.id)
    if reminder.state != Reminder.State.DUE or reminder.deliveries.exists():
        # Handled before. A browser that subscribed since then must not show an old reminder.
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
