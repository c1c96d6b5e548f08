"""Results of deliveries in the log and the metrics."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import structlog

from notifications_app.channels.channel import AttemptOutcome
from notifications_app.claiming import LEASE
from notifications_app.endpoints import host_of
from notifications_app.metrics import ATTEMPTS, DELIVERIES, DELIVERY_LATENESS, observe_stages
from notifications_app.models import Delivery
from notifications_app.results import Ended, Result, Row

log = structlog.get_logger(__name__)


def report(results: Sequence[Result], written: Mapping[int, Row]) -> None:
    """Log and count results. `written` is what was written, by the id of the delivery.

    Those that were sent are one line together: in a burst a line for each took an eighth of the time.
    """
    _count(results, written)
    tried = [result for result in results if isinstance(result.what, AttemptOutcome)]
    sent = [result for result in tried if result.is_sent]
    if len(sent) > 1:
        _log_sent([result.lease.delivery for result in sent])
    for result in tried:
        if not result.is_sent or len(sent) == 1:
            _log_attempt(result, written)
    for lease, what in results:
        if isinstance(what, Ended):
            log.info("delivery_not_sent", **about(lease.delivery), state=what.state)


def _log_sent(deliveries: Sequence[Delivery]) -> None:
    log.info(
        "deliveries_sent",
        count=len(deliveries),
        deliveries=[delivery.pk for delivery in deliveries],
        event_ids=[str(delivery.event_id) for delivery in deliveries],
    )


def _log_attempt(result: Result, written: Mapping[int, Row]) -> None:
    delivery, what = result.lease.delivery, result.what
    assert isinstance(what, AttemptOutcome)
    row = written.get(delivery.pk)
    write = log.info if result.is_sent else log.warning
    write("delivery_attempted", **about(delivery), state=row and str(row.state), status=what.status)


def _count(results: Iterable[Result], written: Mapping[int, Row]) -> None:
    attempts: Counter[tuple[str, str]] = Counter()
    ended: Counter[tuple[str, str]] = Counter()
    for result in results:
        delivery, row = result.lease.delivery, written.get(result.lease.delivery.pk)
        if row and row.state != Delivery.State.PENDING:
            ended[delivery.channel, str(row.state)] += 1
        if isinstance(result.what, AttemptOutcome):
            attempts[delivery.channel, str(result.what.status or "none")] += 1
            if row:
                _observe(result, row)
    for labels, count in ended.items():
        DELIVERIES.labels(*labels).inc(count)
    for labels, count in attempts.items():
        ATTEMPTS.labels(*labels).inc(count)


def _observe(result: Result, row: Row) -> None:
    """How late a reminder was that was sent, and where the time went."""
    delivery = result.lease.delivery
    if row.sent_at and (reminder := delivery.reminder):
        rings_at = reminder.quiet_until or reminder.reminder_at
        lateness = row.sent_at - rings_at
        DELIVERY_LATENESS.labels(delivery.channel).observe(lateness.total_seconds())
        claimed_at, taken_at = max(reminder.claimed_at, rings_at), result.lease.ends_at - LEASE
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
