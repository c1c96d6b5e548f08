"""Structured logs: one JSON object a line in production, readable lines in a terminal."""

from typing import Any

import structlog
from django.core.exceptions import ImproperlyConfigured

# The fields of each line, from structlog's loggers and from `logging`.
ON_EVERY_LINE: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


def logging_config(*, log_format: str, level: str) -> dict[str, Any]:
    """The `LOGGING` setting. `log_format` is `json` or `console`; raises ImproperlyConfigured for another."""
    renderers: dict[str, Any] = {
        "json": structlog.processors.JSONRenderer(),
        "console": structlog.dev.ConsoleRenderer(colors=False),
    }
    if log_format not in renderers:
        raise ImproperlyConfigured(f"LOG_FORMAT is {log_format!r}; it must be json or console.")
    formatter = {
        "()": structlog.stdlib.ProcessorFormatter,
        "processors": [
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            renderers[log_format],
        ],
        "foreign_pre_chain": ON_EVERY_LINE,
    }
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"structured": formatter},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "structured"}},
        "loggers": {
            # Its lines repeat request_finished and request_failed, without the request's id.
            "django.request": {"level": "CRITICAL"},
            # Its warnings hold push endpoints, which are secrets, and whatever was answered there.
            "urllib3": {"level": "ERROR"},
            # It would be a line for each tick, each second. Tasks log what they have done themselves.
            "celery": {"level": "WARNING"},
            "django_structlog.celery": {"level": "WARNING"},
        },
        "root": {"handlers": ["stderr"], "level": level},
    }
