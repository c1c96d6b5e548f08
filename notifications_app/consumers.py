"""The `notifications` group: deliveries that the scan did not make, reminders that need not wait any more."""

from collections.abc import Sequence

from django.db.models import Exists, OuterRef
from django.utils import timezone

from events_app.envelope import Event
from events_app.groups import handles
from notifications_app.models import Delivery, Reminder
from notifications_app.planning import create_deliveries, plan
from notifications_app.recipients import recipients
from notifications_app.releasing import look_again_at
from tasks_app.models import Task


@handles("reminder.due", group="notifications", in_batches=True)
def create_missing_deliveries(events: Sequence[Event]) -> None:
    """Create the deliveries of reminders that have none, such as those that an older version claimed.

    The tasks are locked until the commit, so that concurrent handlers of one event run one after the other.
    The unique key of deliveries also prevents repeats.
    """
    ids = [event.id for event in events]
    # Of one that has some, a browser that subscribed since then must not show an old reminder.
    missing = Reminder.objects.filter(
        ~Exists(Delivery.objects.filter(reminder=OuterRef("pk"))), event_id__in=ids, state=Reminder.State.DUE
    )
    if not missing.exists():
        return
    tasks = {task.pk: task for task in Task.objects.filter(reminders__in=missing).locked()}
    reminders = list(missing.filter(task__in=tasks))
    for reminder in reminders:
        reminder.task = tasks[reminder.task_id]
    users = recipients(task.user_id for task in tasks.values())
    create_deliveries(reminders, plan(reminders, users), now=timezone.now())
    Reminder.objects.bulk_update(
        [reminder for reminder in reminders if reminder.state != Reminder.State.DUE], ["state"]
    )


def rings_from_now_on(event: Event) -> bool:
    """Whether the change was that the task rings in quiet hours too."""
    return bool(event.data["changes"].get("rings_in_quiet_hours"))


@handles("task.sync", group="notifications", only_if=rings_from_now_on)
def end_wait(event: Event) -> None:
    """What waits for the end of quiet hours is sent by the next release."""
    look_again_at(Reminder.objects.filter(task_id=event.data["task_id"], state=Reminder.State.WAITING))
