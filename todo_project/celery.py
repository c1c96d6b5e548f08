"""The Celery application. Its messages are hints: what has to be done is a row in PostgreSQL."""

import os
import signal
from typing import Any

from celery import Celery
from celery.beat import Service
from celery.signals import beat_init, setup_logging
from django.conf import settings
from django_structlog.celery.steps import DjangoStructLogInitStep
from kombu import Exchange, Queue

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "todo_project.settings")
if not settings.configured:  # a worker or beat: in other processes the settings come first
    # Celery ends what takes too long; a worker that was stopped in its tracks must not hold its locks.
    os.environ.setdefault("DATABASE_IDLE_IN_TRANSACTION_SESSION_TIMEOUT", "60")

app = Celery("todo_project")
app.set_default()  # web threads share it: Celery keeps the current application per thread
app.config_from_object("django.conf:settings", namespace="CELERY")
# An exchange each: on a shared one every message would reach both queues.
app.conf.task_queues = [
    Queue(name, Exchange(name), routing_key=name) for name in ("ticks", "deliveries", "background")
]
app.autodiscover_tasks()
app.steps["worker"].add(DjangoStructLogInitStep)


@setup_logging.connect
def keep_the_logs_of_the_settings(**_options: Any) -> None:
    """Where this signal has a receiver Celery sets up no logs of its own, which would silence our INFO."""


@beat_init.connect
def stop_between_ticks(sender: Service, **_options: Any) -> None:
    """On SIGTERM and SIGINT finish the tick in hand, then end: within the second that is the shortest tick.

    Celery's own handler writes the schedule down from within whatever it interrupts; in the middle of a query
    it waits for ever for the lock of the connection that it has itself.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: sender.stop())
