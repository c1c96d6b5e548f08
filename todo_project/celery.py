"""The Celery application. Its messages are hints: what has to be done is a row in PostgreSQL."""

import os
import sys
import warnings
from functools import cached_property
from typing import Any

import structlog
from celery import Celery
from celery.exceptions import SecurityWarning
from celery.signals import beat_init, setup_logging, task_postrun, task_prerun, worker_init
from celery.states import SUCCESS
from django.conf import settings
from django.db import close_old_connections, connections
from django.dispatch import receiver
from django_structlog.celery.signals import bind_extra_task_metadata
from django_structlog.celery.steps import DjangoStructLogInitStep
from kombu import Exchange, Queue

from http_app.session_limits import limit_sessions

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "todo_project.settings")

# A worker that accepts pickled messages must not be root; ours accept JSON only.
warnings.filterwarnings(
    "ignore", message="You're running the worker with superuser privileges", category=SecurityWarning
)


class TodoCelery(Celery):
    """Celery with a beat that ends when it is asked to, and a worker that is silent about it."""

    @cached_property
    def Beat(self) -> Any:  # noqa: N802 - Celery's name
        from todo_project import beat  # with what it imports, in the process that is one

        return self.subclass_with_self(beat.Beat)

    @cached_property
    def Worker(self) -> Any:  # noqa: N802
        from todo_project import worker

        return self.subclass_with_self(worker.Worker)


app = TodoCelery("todo_project")
app.set_default()  # web threads share it: Celery keeps the current application per thread
app.config_from_object("django.conf:settings", namespace="CELERY")
# An exchange each: on a shared one every message would reach both queues.
app.conf.task_queues = [
    Queue(name, Exchange(name), routing_key=name) for name in ("ticks", "deliveries", "background")
]
app.autodiscover_tasks()
# Celery closes the connection before and after every task, or after so many.
app.conf["CELERY_DB_REUSE_MAX"] = sys.maxsize
app.steps["worker"].add(DjangoStructLogInitStep)


@beat_init.connect
def limit_sessions_of_beat(**_signal: Any) -> None:
    """All ticks wait for a statement of beat's; each of them takes a millisecond."""
    limit_sessions(statement_timeout=5, idle_in_transaction_session_timeout=60)


@worker_init.connect
def limit_sessions_of_worker(**_signal: Any) -> None:
    """No statement outlives its task; a worker that was stopped in the middle must not hold its locks."""
    limit_sessions(
        statement_timeout=settings.CELERY_TASK_SOFT_TIME_LIMIT, idle_in_transaction_session_timeout=60
    )


@task_prerun.connect
def look_at_the_connection(task: Any, **_signal: Any) -> None:
    """A connection lives for CONN_MAX_AGE, and is looked at before each task, as before each request."""
    if not task.request.is_eager:  # that runs in its caller's transaction
        close_old_connections()


@task_postrun.connect
def close_after_a_failure(task: Any, state: str | None = None, **_signal: Any) -> None:
    """A time limit may end a task in the middle of a statement, whose answer is still to come.

    Or while Django ends a transaction: it would then take each later task for a part of that transaction and
    refuse it a connection, so the next task gets an object of its own.
    """
    if state != SUCCESS and not task.request.is_eager:
        for one in connections.all(initialized_only=True):
            one.close()
            del connections[one.alias]


@setup_logging.connect
def keep_the_logs_of_the_settings(**_options: Any) -> None:
    """Where this signal has a receiver Celery sets up no logs of its own, which would silence our INFO."""


@receiver(bind_extra_task_metadata)
def name_celery_s_task(task: Any, **_signal: Any) -> None:
    """On every line of a Celery task: django-structlog calls its id `task_id`, which is a to-do's id here."""
    structlog.contextvars.unbind_contextvars("task_id")
    structlog.contextvars.bind_contextvars(celery_task_id=task.request.id)
