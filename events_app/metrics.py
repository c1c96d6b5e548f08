"""Metrics of events, and the port where a process without a web server serves metrics and its liveness."""

import json
from collections.abc import Callable, Iterable, Mapping
from socket import AF_INET, AF_INET6
from threading import Thread
from typing import TYPE_CHECKING, cast
from wsgiref.simple_server import WSGIRequestHandler, make_server

import structlog
from django.conf import settings
from prometheus_client import CollectorRegistry, Counter, make_wsgi_app
from prometheus_client.exposition import ThreadingWSGIServer
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import REGISTRY

from events_app.liveness import ages, stuck
from events_app.process_metrics import BuildInfo, ProcessMetrics

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

log = structlog.get_logger(__name__)

RELAYED = Counter("todo_outbox_relayed", "Events the broker took.")
NOT_TAKEN = Counter("todo_outbox_refused", "Attempts that ended with the broker taking nothing.")
HANDLED = Counter("todo_events_handled", "Events a group was given.", ["group", "type", "outcome"])
OUTCOMES = ("done", "failed", "put off")
BURIED = Counter("todo_events_buried", "Events a group gave up on.", ["group"])

REGISTRY.register(BuildInfo())


def process_registry() -> CollectorRegistry:
    """The facts of every process that shares PROMETHEUS_MULTIPROC_DIR; of this one alone without it."""
    if not settings.PROMETHEUS_MULTIPROC_DIR:
        return REGISTRY
    registry = CollectorRegistry(support_collectors_without_names=True)
    registry.register(ProcessMetrics(settings.PROMETHEUS_MULTIPROC_DIR))
    registry.register(BuildInfo())
    MultiProcessCollector(registry, path=settings.PROMETHEUS_MULTIPROC_DIR)  # type: ignore[no-untyped-call]
    return registry


def serve_metrics(*, trouble: Callable[[], str] = str) -> None:
    """Serve them, `/healthz/live` and `/healthz/ready` at METRICS_PORT, in a thread; nothing when it is 0.

    `trouble` says why the process is not ready, empty if it is. Raises OSError when the port is taken.
    """
    RELAYED.inc(
        0
    )  # a fork has no file in PROMETHEUS_MULTIPROC_DIR, and so is not seen, before its first change
    if settings.METRICS_PORT:
        host, port = settings.METRICS_HOST, settings.METRICS_PORT
        server = make_server(host, port, _app(trouble), _server_for(host), handler_class=_Silent)
        Thread(target=server.serve_forever, daemon=True).start()
        log.info("metrics_served", host=host, port=port)


def _app(trouble: Callable[[], str] = str) -> "WSGIApplication":
    metrics = make_wsgi_app(process_registry())

    def app(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/healthz/live":
            return _live(start_response)
        if environ["PATH_INFO"] == "/healthz/ready":
            return _ready(start_response, trouble())
        return cast(Iterable[bytes], metrics(environ, start_response))

    return app


def _live(start_response: "StartResponse") -> list[bytes]:
    """200, or 503 with the loops that are stuck, and how long ago each has turned."""
    hanging = stuck()
    turns = {loop: round(age, 1) for loop, age in ages().items()}
    body = {"status": "stuck" if hanging else "ok", "stuck": hanging, "seconds_since_turn": turns}
    return _answer(start_response, is_well=not hanging, body=body)


def _ready(start_response: "StartResponse", trouble: str) -> list[bytes]:
    """200, or 503 with why not."""
    body = {"status": "not ready" if trouble else "ok", "trouble": trouble}
    return _answer(start_response, is_well=not trouble, body=body)


def _answer(start_response: "StartResponse", *, is_well: bool, body: Mapping[str, object]) -> list[bytes]:
    status = "200 OK" if is_well else "503 Service Unavailable"
    start_response(status, [("Content-Type", "application/json")])
    return [json.dumps(body).encode()]


def _server_for(host: str) -> type[ThreadingWSGIServer]:
    class Server(ThreadingWSGIServer):
        address_family = AF_INET6 if ":" in host else AF_INET

    return Server


class _Silent(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """A probe every few seconds is not worth a log line."""
