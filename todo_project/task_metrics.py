"""What Celery's tasks did: how often, how long, and when each last succeeded (the ticks, above all)."""

from time import perf_counter, time
from typing import Any

from celery.signals import beat_init, task_postrun, task_prerun, worker_ready
from prometheus_client import Counter, Gauge, Histogram

from events_app.metrics import serve_metrics
from todo_project.tick_runs import trouble_of_ticker

TASKS = Counter("todo_celery_tasks", "Tasks that ended.", ["task", "state"])
DURATION = Histogram(
    "todo_celery_task_duration_seconds",
    "How long they took.",
    ["task"],
    buckets=(0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 90),
)
LAST_SUCCESS = Gauge(
    "todo_celery_task_last_success_timestamp_seconds",
    "When the task last succeeded.",
    ["task"],
    multiprocess_mode="mostrecent",
)


@task_prerun.connect
def _start(task: Any, **_signal: Any) -> None:
    task.request.measured_from = perf_counter()


@task_postrun.connect
def _end(task: Any, state: str | None = None, **_signal: Any) -> None:
    TASKS.labels(task.name, state or "UNKNOWN").inc()
    DURATION.labels(task.name).observe(perf_counter() - task.request.measured_from)
    if state == "SUCCESS":
        LAST_SUCCESS.labels(task.name).set(time())


@worker_ready.connect
def _serve(sender: Any = None, **_signal: Any) -> None:
    for task in sender.app.tasks:
        if not task.startswith("celery."):
            for state in ("SUCCESS", "FAILURE"):  # a rate needs a zero before the first one
                TASKS.labels(task, state)
    runs_ticks = "ticks" in sender.app.amqp.queues.consume_from
    serve_metrics(trouble=_trouble_of_scan if runs_ticks else str)


@beat_init.connect
def serve_metrics_of_beat(**_signal: Any) -> None:
    """At METRICS_PORT, as a worker does, but from the start: beat is alive before it has sent anything."""
    serve_metrics()


def _trouble_of_scan() -> str:
    trouble = trouble_of_ticker()
    return f"the reminder scan {trouble}" if trouble else ""
