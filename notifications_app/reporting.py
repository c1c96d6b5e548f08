"""Results of deliveries in the log and the metrics."""

import structlog

from notifications_app.channels.channel import Outcome
from notifications_app.claiming import LEASE
from notifications_app.endpoints import host_of
from notifications_app.metrics import ATTEMPTS, DELIVERIES, DELIVERY_LATENESS, observe_stages
from notifications_app.models import Delivery
from notifications_app.results import Ended, Result, Row

log = structlog.get_logger(__name__)


def report(result: Result, row: Row | None) -> None:
    """Log and count one result. `row` is what was written, None if nothing was."""
    lease, what = result
    delivery = lease.delivery
    if row and row.state != Delivery.State.PENDING:
        DELIVERIES.labels(delivery.channel, row.state).inc()
    if isinstance(what, Ended):
        log.info("delivery_not_sent", **about(delivery), state=what.state)
    elif isinstance(what, Outcome):
        ATTEMPTS.labels(delivery.channel, str(what.status or "none")).inc()
        write = log.info if result.is_sent else log.warning
        write("delivery_attempted", **about(delivery), state=row and str(row.state), status=what.status)
        if row and row.sent_at and (reminder := delivery.reminder):
            rings_at = reminder.quiet_until or reminder.reminder_at
            lateness = row.sent_at - rings_at
            DELIVERY_LATENESS.labels(delivery.channel).observe(lateness.total_seconds())
            claimed_at, taken_at = max(reminder.claimed_at, rings_at), lease.ends_at - LEASE
            observe_stages([rings_at, claimed_at, delivery.created_at, taken_at, row.sent_at])


def about(delivery: Delivery) -> dict[str, object]:
    """What a log line says of a delivery; `task_id` is None for a test notification."""
    return {
        "delivery": delivery.pk,
        "event_id": str(delivery.event_id),
        "task_id": delivery.reminder and delivery.reminder.task_id,
        "user_id": str(delivery.user_id),
        "push_host": host_of(delivery.target),
    }
