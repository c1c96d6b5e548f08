"""A request's id, and its line in the log.

The id is the caller's X-Request-ID when that is well-formed, else a new one. It is on every line that the
request logs, and travels with its events to workers and consumers.
"""

import re
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from uuid import uuid4

import structlog
from django.core.exceptions import TooManyFieldsSent
from django.core.signals import got_request_exception
from django.db import DatabaseError
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse
from rest_framework.throttling import BaseThrottle
from structlog.contextvars import bound_contextvars

log = structlog.get_logger(__name__)

HEADER = "X-Request-ID"
_WELL_FORMED = re.compile(r"[A-Za-z0-9._-]{1,64}")
_TOKEN_IN_PATH = re.compile(r"^(/+[ru]/+).+", re.DOTALL)
# Probes come every few seconds, and while the backend starts a 503 is the right answer.
NOT_LOGGED = "/healthz/"


class RequestLogMiddleware:
    """Every line that a request logs has its id and the caller's address (as the limits count it).

    One line when it is answered, except for an orchestrator's probes: `request_finished`, or `request_failed`
    with the traceback. To look for requests that hang, LOG_LEVEL=DEBUG adds a line at the start.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request_id = given_or_new(request.META.get("HTTP_X_REQUEST_ID", ""))
        request.META["HTTP_X_REQUEST_ID"] = request_id
        address = BaseThrottle().get_ident(request)  # type: ignore[arg-type] # Django's has what it reads
        with bound_contextvars(request_id=request_id, ip=address):
            if request.path.startswith(NOT_LOGGED):
                response = self.get_response(request)
            else:
                described = description(request)
                user_agent = request.META.get("HTTP_USER_AGENT")
                log.debug("request_started", request=described, user_agent=user_agent)
                response = self.get_response(request)
                if not hasattr(request, "failure_logged"):
                    line = log.error if response.status_code >= 500 else log.info
                    user_id = _user_id(request)
                    line("request_finished", code=response.status_code, request=described, user_id=user_id)
        response[HEADER] = request_id
        return response


@receiver(got_request_exception)
def log_failure(request: HttpRequest | None = None, **_signal: Any) -> None:
    """An exception that became a 500: its line takes the place of `request_finished`."""
    if request is not None:
        request.failure_logged = True  # type: ignore[attr-defined] # for the middleware
        log.exception("request_failed", code=500, request=description(request), user_id=_user_id(request))


def _user_id(request: HttpRequest) -> str | None:
    user_id = None
    with suppress(DatabaseError):  # the admin's user is read from the database
        user_id = getattr(request, "user", None) and request.user.pk
    return str(user_id) if user_id else None


def description(request: HttpRequest) -> str:
    """Method and path, and only the names of the query: search words are private, and some clients send
    their token there.

    Nor the token of a link in a notification or a mail: `/r/...`.
    """
    try:
        names = "&".join(request.GET)
    except TooManyFieldsSent:
        names = "..."
    path = _TOKEN_IN_PATH.sub(r"\1...", request.path)
    return f"{request.method} {path}{'?' if names else ''}{names}"


def given_or_new(given: str) -> str:
    """The caller's id when it is well-formed, else a new one."""
    return given if _WELL_FORMED.fullmatch(given) else str(uuid4())


def request_id(request: HttpRequest) -> str:
    """The id of a request that came through the middleware."""
    return str(request.META["HTTP_X_REQUEST_ID"])
