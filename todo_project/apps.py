from importlib import import_module

from django.apps import AppConfig
from django.conf import settings

from todo_project.logs import log_what_is_no_log_line


class TodoProjectConfig(AppConfig):
    name = "todo_project"

    def ready(self) -> None:
        if settings.LOG_FORMAT == "json":
            log_what_is_no_log_line()
        # Every process that queues a task needs the Celery application, not only the workers.
        import_module("todo_project.celery")
        import_module("todo_project.checks")
        import_module("todo_project.connections")
        import_module("todo_project.api_checks")
        import_module("todo_project.dapr_checks")
        import_module("todo_project.production_checks")
        import_module("todo_project.transport_checks")
        import_module("todo_project.readiness")
        import_module("todo_project.task_metrics")
        import_module("todo_project.tick_runs")
        import_module("todo_project.time_limits")
