"""Hints to the workers that deliveries are due. A hint may be lost or repeated: the rows decide."""

import structlog
from celery import current_app
from django.db import transaction
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from state_store.pause import Pause

log = structlog.get_logger(__name__)

DELIVER_DUE = "notifications_app.deliver_due"
# A tick sends hints too, so that a worker that was away need not take all those that it missed.
EXPIRE_SECONDS = 30

# After a failure the broker is skipped for some seconds: each try can take a second, and the scan, which has
# other users' reminders to claim, must not spend one on every batch.
pause = Pause()


def hint() -> None:
    """Have a worker look for deliveries that are due. Does not raise; a tick replaces a hint that is lost."""
    if not pause.may_ask():
        return
    try:
        current_app.send_task(DELIVER_DUE, queue="deliveries", expires=EXPIRE_SECONDS)
    except (OperationalError, RedisError, OSError) as error:
        log.warning("celery_away", error=str(error))
        pause.begin()
    else:
        pause.end()


def hint_after_commit() -> None:
    """The same when the transaction has committed."""
    transaction.on_commit(hint, robust=True)
