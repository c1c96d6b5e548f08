"""What Celery runs. A message is a hint: lose it, repeat it, and the rows in PostgreSQL decide."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import structlog
from celery import shared_task
from django.utils import timezone
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from notifications_app import deliveries, due_soon, retention, scan
from notifications_app.models import Delivery

log = structlog.get_logger(__name__)

_REQUEUE_BATCH = 500
_REQUEUE_BATCHES = 10  # 5,000 a tick: more than the workers of one tick can make

# A broker that was away a moment ago is not asked again: each try can take a second, and the relay, which
# has the events of everybody else to bring, must not spend one on every reminder.
_PATIENCE = timedelta(seconds=5)
_away_until = datetime.min.replace(tzinfo=UTC)


@shared_task(name="notifications_app.scan_reminders")
def scan_reminders() -> int:
    """Tick: claim the reminders that are due."""
    return scan.scan_reminders()


@shared_task(name="notifications_app.announce_due_soon")
def announce_due_soon() -> int:
    """Tick: announce the tasks that are due within a day."""
    return due_soon.announce_due_soon()


@shared_task(name="notifications_app.requeue_stalled_deliveries")
def requeue_stalled_deliveries() -> int:
    """Tick: queue again what is due and was not told lately: retries, lost messages, leases that ran out."""
    queued = 0
    for _ in range(_REQUEUE_BATCHES):
        stalled = deliveries.claim_stalled(_REQUEUE_BATCH)
        taken = queue_deliveries(stalled)
        queued += taken
        if taken < _REQUEUE_BATCH:
            break
    return queued


@shared_task(name="notifications_app.purge_notifications")
def purge_notifications() -> int:
    """Tick: erase what is known of old reminders and deliveries."""
    return retention.purge_notifications()


# Below deliveries.LEASE. They hold in a pool of processes only; pinned_http.py has bounds of its own.
@shared_task(name="notifications_app.deliver", soft_time_limit=40, time_limit=50)
def deliver(delivery_id: int) -> None:
    """Make one attempt to send a delivery."""
    deliveries.deliver(delivery_id)


def queue_deliveries(ids: Sequence[int]) -> int:
    """Tell the workers of these deliveries; how many Celery took. The tick tells them of the others."""
    taken = 0 if timezone.now() < _away_until else _queue(ids)
    if taken < len(ids):
        Delivery.objects.filter(pk__in=ids[taken:]).update(queued_at=None)
    return taken


def _queue(ids: Sequence[int]) -> int:
    global _away_until
    for taken, delivery_id in enumerate(ids):
        try:
            deliver.apply_async((delivery_id,), queue="deliveries")
        except (OperationalError, RedisError, OSError) as error:
            log.warning("celery_away", not_queued=len(ids) - taken, error=str(error))
            _away_until = timezone.now() + _PATIENCE
            return taken
    return len(ids)
