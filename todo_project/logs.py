"""Structured logs: one JSON object a line in production, readable lines in a terminal."""

import logging
import os
import sys
import threading
from typing import Any

import structlog
from django.core.exceptions import ImproperlyConfigured
from structlog.typing import EventDict


def name_celery_task(_logger: Any, _method: str, line: EventDict) -> EventDict:
    """On django-structlog's own lines `task_id` is Celery's id; ours is a to-do's."""
    if str(line.get("logger", "")).startswith("django_structlog.celery") and "task_id" in line:
        line["celery_task_id"] = line.pop("task_id")
    return line


# The fields of each line, from structlog's loggers and from `logging`.
ON_EVERY_LINE: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    name_celery_task,
]


def formatter(log_format: str) -> logging.Formatter:
    """`json` or `console`; raises ImproperlyConfigured for another."""
    return structlog.stdlib.ProcessorFormatter(
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            _renderer(log_format),
        ],
        foreign_pre_chain=ON_EVERY_LINE,
    )


def _renderer(log_format: str) -> Any:
    renderers: dict[str, Any] = {
        "json": structlog.processors.JSONRenderer(),
        "console": structlog.dev.ConsoleRenderer(colors=False),
    }
    if log_format not in renderers:
        raise ImproperlyConfigured(f"LOG_FORMAT is {log_format!r}; it must be json or console.")
    return renderers[log_format]


def formatter_of_settings() -> logging.Formatter:
    """For the web server, which sets up its own log from a file (granian_logs.json)."""
    return formatter(os.environ.get("LOG_FORMAT") or "json")


def as_information(record: logging.LogRecord) -> bool:
    """A filter that makes a record a line of information, without a traceback."""
    record.levelno, record.levelname, record.exc_info = logging.INFO, "INFO", None
    return logging.getLogger().isEnabledFor(logging.INFO)


def log_what_is_no_log_line() -> None:
    """Warnings, and the error that ends a process or a thread, become lines of the log as well."""
    logging.captureWarnings(True)
    log = logging.getLogger("todo_project")

    def uncaught(*error: Any) -> None:
        log.critical("uncaught_error", exc_info=error)

    sys.excepthook = uncaught
    threading.excepthook = lambda given: uncaught(given.exc_type, given.exc_value, given.exc_traceback)


def logging_config(*, log_format: str, level: str) -> dict[str, Any]:
    """The `LOGGING` setting. `log_format` is `json` or `console`; raises ImproperlyConfigured for another."""
    _renderer(log_format)
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"structured": {"()": formatter, "log_format": log_format}},
        "filters": {"as_information": {"()": lambda: as_information}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "structured"}},
        "loggers": {
            # Its lines repeat request_finished and request_failed, without the request's id.
            "django.request": {"level": "CRITICAL"},
            # Anyone can send any Host, which is no error of ours.
            "django.security.DisallowedHost": {"filters": ["as_information"]},
            # Its warnings hold push endpoints, which are secrets, and whatever was answered there.
            "urllib3": {"level": "ERROR"},
            # It would be a line for each tick, each second. Tasks log what they have done themselves.
            "celery": {"level": "WARNING"},
            "django_structlog.celery": {"level": "WARNING"},
            # Each start writes the schedule, and seconds later beat would say that it changed.
            "django_celery_beat": {"level": "WARNING"},
        },
        "root": {"handlers": ["stderr"], "level": level},
    }
