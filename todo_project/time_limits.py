"""The time limit of a task in a worker without child processes (`--pool solo`), where Celery has none."""

import os
import signal
from types import FrameType
from typing import Any

import structlog
from celery.concurrency.solo import TaskPool
from celery.signals import task_postrun, task_prerun, worker_init
from django.conf import settings

log = structlog.get_logger(__name__)


@worker_init.connect
def limit_tasks(sender: Any = None, **_signal: Any) -> None:
    """In a solo worker, have each task end the process when it takes longer than its limit.

    Whatever started the process starts it again. The task's message is delivered again later, or has expired.
    """
    if sender.pool_cls is TaskPool:
        signal.signal(signal.SIGALRM, _give_up)
        task_prerun.connect(_begin)
        task_postrun.connect(_end)


def _begin(task: Any, **_signal: Any) -> None:
    signal.alarm(int(task.time_limit or settings.CELERY_TASK_TIME_LIMIT))


def _end(**_signal: Any) -> None:
    signal.alarm(0)


def _give_up(_number: int, _frame: FrameType | None) -> None:
    try:
        log.error("task_exceeds_its_time_limit")
    finally:  # the signal may have come in the middle of another line of the log, which is an error
        os._exit(1)
