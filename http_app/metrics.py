"""Counts and durations of requests, for Prometheus: by route template, method and status, never by id."""

from collections.abc import Callable
from functools import lru_cache
from time import perf_counter

from django.contrib.admindocs.views import simplify_regex
from django.http import HttpRequest, HttpResponse
from prometheus_client import Counter, Histogram

REQUESTS = Counter("todo_http_requests", "Requests answered.", ["method", "route", "status"])
DURATION = Histogram(
    "todo_http_request_duration_seconds",
    "Time from the first middleware to the answer.",
    ["method", "route"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
WORKERS_STARTED = Counter("todo_web_workers_started", "Workers of the web server that have started.")
# Prometheus keeps every value of a label, and anyone can request any path with any method.
NO_ROUTE = "none"
OTHER_METHOD = "other"
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}


class MetricsMiddleware:
    """Comes after whitenoise's middleware: static files are not counted."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        started = perf_counter()
        response = self.get_response(request)
        method = request.method if request.method in METHODS else OTHER_METHOD
        match = request.resolver_match
        route = _template(match.route) if match else NO_ROUTE
        _count_from_zero(method, route)
        REQUESTS.labels(method, route, str(response.status_code)).inc()
        DURATION.labels(method, route).observe(perf_counter() - started)
        return response


@lru_cache(maxsize=1024)
def _count_from_zero(method: str, route: str) -> None:
    """Its errors of the server: without a zero before it, the first one would have no rate."""
    for status in ("500", "503"):
        REQUESTS.labels(method, route, status)


@lru_cache(maxsize=1024)
def _template(route: str) -> str:
    """`api/^tasks/(?P<pk>[0-9]+)$` is `/api/tasks/<pk>`."""
    return str(simplify_regex(route))
