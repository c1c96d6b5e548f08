"""Celery tasks. A message is only a hint, which may be lost or repeated; the rows in PostgreSQL decide."""

from collections.abc import Sequence

import structlog
from celery import shared_task
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from notifications_app import deliveries, due_soon, retention, scan
from notifications_app.models import Delivery
from state_store.pause import Pause

log = structlog.get_logger(__name__)

REQUEUE_BATCH = 500
_REQUEUE_BATCHES = 10  # 5,000 a tick: more than the workers can send until the next one

# After a failure the broker is skipped for some seconds: each try can take a second, and the relay, which has
# other users' events to pass on, must not spend one on every reminder.
pause = Pause()


@shared_task(name="notifications_app.scan_reminders")
def scan_reminders() -> int:
    """Tick: claim due reminders."""
    return scan.scan_reminders()


@shared_task(name="notifications_app.announce_due_soon")
def announce_due_soon() -> int:
    """Tick: announce the tasks that are due within a day."""
    return due_soon.announce_due_soon()


@shared_task(name="notifications_app.requeue_stalled_deliveries")
def requeue_stalled_deliveries() -> int:
    """Tick: queue deliveries that became due again: retries, lost messages, leases that have ended."""
    queued = 0
    for _ in range(_REQUEUE_BATCHES):
        stalled = deliveries.take_stalled(REQUEUE_BATCH)
        taken = queue_deliveries(stalled)
        queued += taken
        if taken < REQUEUE_BATCH:
            break
    return queued


@shared_task(name="notifications_app.purge_notifications")
def purge_notifications() -> int:
    """Tick: delete old reminders and deliveries."""
    return retention.purge_notifications()


# Below deliveries.LEASE. Only a pool of processes enforces them; pinned_http.py has limits of its own.
@shared_task(name="notifications_app.deliver", soft_time_limit=40, time_limit=50)
def deliver(delivery_id: int) -> None:
    """Make one attempt to send a delivery."""
    deliveries.deliver(delivery_id)


def queue_deliveries(ids: Sequence[int]) -> int:
    """Send the deliveries to the workers. Returns how many Celery accepted; a tick queues the others."""
    taken = _queue(ids) if pause.may_ask() else 0
    if taken < len(ids):
        Delivery.objects.filter(pk__in=ids[taken:]).update(queued_at=None)
    return taken


def _queue(ids: Sequence[int]) -> int:
    for taken, delivery_id in enumerate(ids):
        try:
            deliver.apply_async((delivery_id,), queue="deliveries")
        except (OperationalError, RedisError, OSError) as error:
            log.warning("celery_away", not_queued=len(ids) - taken, error=str(error))
            pause.begin()
            return taken
    pause.end()
    return len(ids)
