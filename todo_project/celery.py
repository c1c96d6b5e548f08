"""The Celery application. Its messages are hints: what has to be done is a row in PostgreSQL."""

import os
from functools import cached_property
from typing import Any

from celery import Celery
from celery.signals import setup_logging
from django.conf import settings
from django_structlog.celery.steps import DjangoStructLogInitStep
from kombu import Exchange, Queue

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "todo_project.settings")
if not settings.configured:  # a worker or beat: in other processes the settings come first
    # Celery ends what takes too long; a worker that was stopped in its tracks must not hold its locks.
    os.environ.setdefault("DATABASE_IDLE_IN_TRANSACTION_SESSION_TIMEOUT", "60")


class TodoCelery(Celery):
    """Celery with a beat that ends when it is asked to."""

    @cached_property
    def Beat(self) -> Any:  # noqa: N802 - Celery's name
        from todo_project import beat  # with what it imports, in the process that is one

        return self.subclass_with_self(beat.Beat)


app = TodoCelery("todo_project")
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
