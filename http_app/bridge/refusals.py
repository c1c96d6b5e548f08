"""Answers to requests that the bridge refuses, with all that the middlewares do to every answer."""

from collections.abc import Callable
from contextlib import suppress

from django.http import HttpRequest, HttpResponse
from django.urls import Resolver404, resolve

from http_app.error_answers import refused

# The key of the environ with the APIException that is the answer. No header has such a key.
REFUSAL = "todo.refusal"


class RefusalMiddleware:
    """Comes right after the middlewares that log, count and compress, and before all that do work."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        error = request.META.get(REFUSAL)
        if error is None:
            return self.get_response(request)
        with suppress(Resolver404):
            request.resolver_match = resolve(request.path_info)  # the route of the metric
        return refused(request, error)
