"""Celery's beat, which ends when it is asked to, whatever it is doing."""

import os
import signal
from types import FrameType

import structlog
from celery import beat
from celery.apps.beat import Beat as CeleryBeat

log = structlog.get_logger(__name__)

# A tick takes milliseconds, each second. One that lasts waits for a database or a Redis that is away.
STOP_SECONDS = 5


class Beat(CeleryBeat):
    """On SIGTERM and SIGINT it finishes the tick in hand, or ends without.

    Celery's own handler writes the schedule down from within whatever it interrupts: in the middle of a query
    it waits forever for the lock of the connection that it holds itself. What is not written down is a task
    that is sent once more, which does no harm.
    """

    def install_sync_handler(self, service: beat.Service) -> None:
        def stop(_number: int, _frame: FrameType | None) -> None:
            service.stop()
            signal.alarm(STOP_SECONDS)

        def give_up(_number: int, _frame: FrameType | None) -> None:
            try:
                log.warning("beat_ends_within_a_tick")
            finally:  # the signal may have come in the middle of another line of the log, which is an error
                os._exit(0)

        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        signal.signal(signal.SIGALRM, give_up)
