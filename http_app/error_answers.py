"""Turns errors into answers of one form: `{type, errors: [{code, detail, attr}]}`.

Exceptions in a view of ours: `ExceptionHandler` (setting DRF_STANDARDIZED_ERRORS). Everything else under
/api/: handler400, handler404, handler500, `ErrorMiddleware` and `read_only`. Other paths get Django's pages.
"""

import sys
from collections.abc import Callable
from contextlib import suppress
from math import ceil
from typing import Any

import structlog
from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.db import IntegrityError, OperationalError
from django.db.models import ProtectedError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.urls import Resolver404, resolve
from django.views import defaults
from django.views.decorators.csrf import csrf_exempt
from drf_standardized_errors import handler
from psycopg.errors import DeadlockDetected, ForeignKeyViolation, UniqueViolation
from rest_framework.exceptions import (
    APIException,
    AuthenticationFailed,
    ErrorDetail,
    MethodNotAllowed,
    NotAuthenticated,
    NotFound,
    ParseError,
    Throttled,
    UnsupportedMediaType,
)
from rest_framework.response import Response

from http_app.auth_messages import plain_auth_message
from http_app.errors import BodyTooLarge, Conflict, InternalError, TooBusy, Unavailable, unavailable
from http_app.request_log import request_id

log = structlog.get_logger(__name__)

View = Callable[..., HttpResponseBase]

API_PREFIX = "/api/"
# The key of the environ with the APIException by which http_app/bridge/ refuses. No header has such a key.
REFUSAL = "todo.refusal"
# Django calls these suspicious: an unknown host, thousands of parameters ...
BAD_REQUEST = "The request is malformed. Check its host, its headers and the number of its parameters."


class ExceptionHandler(handler.ExceptionHandler):
    def convert_known_exceptions(self, exc: Exception) -> Exception:
        if isinstance(exc, RequestDataTooBig):
            return BodyTooLarge()
        if isinstance(exc, ProtectedError):
            used_by = sorted({str(row._meta.verbose_name_plural) for row in exc.protected_objects})
            return Conflict(f"This is in use by {' and '.join(used_by)}. Change those first.", "in_use")
        if isinstance(exc, SuspiciousOperation):
            return ParseError(BAD_REQUEST)
        if isinstance(exc, IntegrityError | OperationalError) and isinstance(
            exc.__cause__, UniqueViolation | ForeignKeyViolation | DeadlockDetected
        ):
            # The validators found nothing wrong: another writer was faster, or we have a bug.
            log.warning("conflict", exc_info=exc)
            return Conflict()
        if away := unavailable(exc):
            return away
        if isinstance(exc, UnsupportedMediaType) and str(exc.detail).startswith("Unsupported media type"):
            exc.detail = ErrorDetail(f"{exc.detail} Send application/json.", exc.default_code)
        if isinstance(exc, AuthenticationFailed | NotAuthenticated):
            exc.detail = plain_auth_message(exc.detail)
        if isinstance(exc, Throttled):
            wait = ceil(exc.wait or 1)  # type: ignore[attr-defined] # the stubs lack it
            exc.detail = ErrorDetail(f"Too many requests. Try again in {wait} s.", "throttled")
        known: Exception = super().convert_known_exceptions(exc)
        return known

    def report_exception(self, exc: APIException, response: Response) -> None:
        if not isinstance(exc, Unavailable):  # already logged, and a traceback adds nothing
            super().report_exception(exc, response)

    def convert_unhandled_exceptions(self, exc: Exception) -> APIException:
        if isinstance(exc, APIException):
            return exc
        request = self.context["request"]
        return InternalError(request_id(request._request) if request else "")


class ErrorMiddleware:
    """Answers what the bridge has refused; and in a view that is not DRF's, such as the admin's, 503 when the
    database is unavailable, and 429 for TooBusy.

    Comes right after the middlewares that log, count and compress, and before all that do work.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        error = request.META.get(REFUSAL)
        if error is None:
            return self.get_response(request)
        with suppress(Resolver404):
            request.resolver_match = resolve(request.path_info)  # the route of the metric
        return refused(request, error)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        error = exception if isinstance(exception, TooBusy) else unavailable(exception)
        return refused(request, error) if error else None


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """handler400."""
    return _answer(ParseError(BAD_REQUEST)) if _is_api(request) else defaults.bad_request(request, exception)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """handler404."""
    if not _is_api(request):
        return defaults.page_not_found(request, exception)
    return _answer(NotFound("There is no such route. GET /api/schema lists them all."))


def server_error(request: HttpRequest) -> HttpResponse:
    """handler500; a 503 when the database is unavailable."""
    if error := unavailable(sys.exc_info()[1]):
        return refused(request, error)
    return _answer(InternalError(request_id(request))) if _is_api(request) else defaults.server_error(request)


def read_only(view: View) -> View:
    """A view of a library, for GET and HEAD only; another method is a 405 in our form."""

    @csrf_exempt  # else Django's 403 would come before our 405
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.method in ("GET", "HEAD"):
            return view(request, *args, **kwargs)
        error = _answer(MethodNotAllowed(str(request.method)))
        error["Allow"] = "GET, HEAD"
        return error

    return answer


def error_body(error: APIException) -> dict[str, Any]:
    """`{type, errors}`, as a view answers this error."""
    nowhere: Any = {"request": None, "view": None, "args": (), "kwargs": {}}
    answering = ExceptionHandler(error, nowhere)
    known = answering.convert_known_exceptions(error)
    assert isinstance(known, APIException)
    body: dict[str, Any] = answering.format_exception(known)
    return body


def _answer(error: APIException) -> JsonResponse:
    return JsonResponse(error_body(error), status=error.status_code)


def refused(request: HttpRequest, error: APIException) -> HttpResponse:
    """The answer to a request that no view gets: our form under /api/, else text."""
    text = HttpResponse(f"{error.detail}\n", "text/plain", error.status_code)
    answer = _answer(error) if _is_api(request) else text
    if wait := getattr(error, "wait", None):
        answer["Retry-After"] = str(wait)
    return answer


def _is_api(request: HttpRequest) -> bool:
    # A client whose base URL ends in a slash asks for //api/tasks.
    return f"/{request.path.lstrip('/')}/".startswith(API_PREFIX)
