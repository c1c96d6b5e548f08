"""When a delivery is tried again."""

from datetime import timedelta
from random import uniform

from events_app import queues
from notifications_app.channels.channel import AttemptOutcome

# 10 s, 20 s, 40 s ... 15 min: short for a brief failure, long for a push service that is down.
FIRST_RETRY = timedelta(seconds=10)
LONGEST_RETRY = timedelta(minutes=15)
# A push service may ask for a longer wait than a reminder is useful; it is tried again at least this often.
# Below an hour: a clock with the wrong time zone is ahead by that, and what it wrote must not seem to wait.
LONGEST_RETRY_AFTER = timedelta(minutes=50)
UNAVAILABLE_RETRY = timedelta(minutes=1)
# A delivery that must wait for longer was written by a clock that was ahead.
LONGEST_WAIT = max(LONGEST_RETRY, LONGEST_RETRY_AFTER, UNAVAILABLE_RETRY)


def wait_before_retry(outcome: AttemptOutcome, attempts: int) -> timedelta:
    """How long to wait after this outcome, the last of so many attempts.

    As long as the push service asked for, within our bounds; else doubled each time, half of it random.
    """
    if outcome.retry_after is not None:
        return min(max(outcome.retry_after, FIRST_RETRY), LONGEST_RETRY_AFTER)
    wait = queues.backoff(attempts, first=FIRST_RETRY, longest=LONGEST_RETRY)
    return wait * uniform(0.5, 1)  # noqa: S311 - no secret
