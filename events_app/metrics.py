"""What became of events, and the port where a process without a web server tells it."""

import structlog
from django.conf import settings
from prometheus_client import CollectorRegistry, Counter, start_http_server
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import REGISTRY

log = structlog.get_logger(__name__)

RELAYED = Counter("todo_outbox_relayed", "Events the broker took.")
HANDLED = Counter("todo_events_handled", "Events a group was given.", ["group", "type", "outcome"])
BURIED = Counter("todo_events_buried", "Events a group gave up on.", ["group"])


def process_registry() -> CollectorRegistry:
    """The facts of every process that shares PROMETHEUS_MULTIPROC_DIR; of this one alone without it."""
    if not settings.PROMETHEUS_MULTIPROC_DIR:
        return REGISTRY
    registry = CollectorRegistry(support_collectors_without_names=True)
    MultiProcessCollector(registry, path=settings.PROMETHEUS_MULTIPROC_DIR)  # type: ignore[no-untyped-call]
    return registry


def serve_metrics() -> None:
    """Serve them at METRICS_PORT, in a thread; not at all when it is 0. Raises OSError when it is taken."""
    if settings.METRICS_PORT:
        start_http_server(settings.METRICS_PORT, settings.METRICS_HOST, process_registry())
        log.info("metrics_served", host=settings.METRICS_HOST, port=settings.METRICS_PORT)
