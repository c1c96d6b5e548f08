"""Test whether a browser gets notifications: send one now, and wait for what its push service answers.

The request that asks for it sends by itself, since a queue may be long. It waits for a server that its user
chose, so only one thread of a process may do so; the others leave the test to the workers.
"""

from threading import BoundedSemaphore

from notifications_app.hints import hint
from notifications_app.models import Delivery
from notifications_app.sending import deliver

_place = BoundedSemaphore(1)


def send_test(delivery: Delivery) -> None:
    """Send a test delivery and record its attempt, or have the workers send it. Outside of any transaction.

    Takes as long as one send at most (`pinned_http.ANSWER_SECONDS`).
    """
    if _place.acquire(blocking=False):
        try:
            deliver(delivery.pk)
        finally:
            _place.release()
    else:
        hint()
    delivery.refresh_from_db()
