"""The lateness of reminders, and the outcome of deliveries."""

from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise

from prometheus_client import Counter, Histogram

_BUCKETS = (0.5, 1, 2, 5, 10, 30, 60, 300, 900, 3600, 6 * 3600, 24 * 3600)

CLAIM_LATENESS = Histogram(
    "todo_reminder_claim_lateness_seconds",
    "From the reminder's instant until the scan claimed it.",
    buckets=_BUCKETS,
)
DELIVERY_LATENESS = Histogram(
    "todo_reminder_delivery_lateness_seconds",
    "From the reminder's instant until a channel took the message.",
    ["channel"],
    buckets=_BUCKETS,
)
# In their order: until the scan claimed it, the delivery was created, a worker took it, the channel had it.
STAGES = ("claimed", "handled", "queued", "sent")
STAGE = Histogram(
    "todo_reminder_stage_seconds",
    "Where the time of a delivery that was sent went, stage by stage.",
    ["stage"],
    buckets=_BUCKETS,
)
ATTEMPTS = Counter("todo_delivery_attempts", "Tries to send a message.", ["channel", "status"])
DELIVERIES = Counter("todo_deliveries", "Deliveries that ended.", ["channel", "outcome"])
ACTIONS = Counter("todo_reminder_actions", "First uses of a notification's links.", ["action", "outcome"])

# From the start: without a zero before it, the first failure would have no rate.
for _outcome in ("sent", "failed", "expired", "cancelled"):
    DELIVERIES.labels("web_push", _outcome)
for _status in ("201", "403", "410", "413", "429", "500", "503", "none"):
    ATTEMPTS.labels("web_push", _status)
DELIVERY_LATENESS.labels("web_push")
_STAGES = [STAGE.labels(_stage) for _stage in STAGES]

# A refusal is a fault of the backend or of its settings, and each one is an alarm.
PUSH_REFUSED = Counter(
    "todo_push_refused", "Messages that a push service refused for good.", ["service", "status"]
)
PUSH_SIMPLIFIED = Counter(
    "todo_push_simplified", "Messages that a push service got again in a simpler form.", ["service", "status"]
)
for _service in ("apple", "google", "microsoft", "mozilla", "other"):
    for _status in ("400", "401", "403", "413"):
        PUSH_REFUSED.labels(_service, _status)
    for _status in ("400", "413"):
        PUSH_SIMPLIFIED.labels(_service, _status)


def observe_stages(times: Sequence[datetime]) -> None:
    """Observe the stages between the time of the reminder and the ends of STAGES, in this order."""
    for stage, (begun, ended) in zip(_STAGES, pairwise(times), strict=True):
        stage.observe(max(0.0, (ended - begun).total_seconds()))
