"""Celery tasks. A message is only a hint, which may be lost or repeated; the rows in PostgreSQL decide."""

from celery import shared_task

from notifications_app import due_soon, releasing, retention, scan, sending
from notifications_app.hints import DELIVER_DUE


@shared_task(name="notifications_app.scan_reminders")
def scan_reminders() -> int:
    """Tick: claim due reminders."""
    return scan.scan_and_release()


@shared_task(name="notifications_app.release_reminders")
def release_reminders() -> int:
    """Tick: send what waited for the end of quiet hours, and notices of missed reminders."""
    return releasing.release_reminders()


@shared_task(name="notifications_app.announce_due_soon")
def announce_due_soon() -> int:
    """Tick: announce the tasks that are due within a day."""
    return due_soon.announce_due_soon()


@shared_task(name="notifications_app.purge_notifications")
def purge_notifications() -> int:
    """Tick: delete old reminders and deliveries."""
    return retention.purge_notifications()


# Above sending.RUN_SECONDS and the time that the last results take to be recorded.
@shared_task(name=DELIVER_DUE, soft_time_limit=60, time_limit=70)
def deliver_due() -> None:
    """Hint and tick: deliver what is due, such as new deliveries, retries, and leases that have ended."""
    sending.deliver_due()


@shared_task(name="notifications_app.deliver")
def deliver(_delivery_id: int) -> None:
    """A hint as the version before sent it, one for each delivery. They may still be on their way."""
    sending.deliver_due()
