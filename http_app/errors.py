"""Every error in one form, `{type, errors: [{code, detail, attr}]}`: what is wrong and what would be right.

Views answer through http_app/exception_handler.py; what happens before or outside of a view through
`not_found` and `server_error` (handler404 and handler500).
"""

import sys
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.views import defaults
from django.views.decorators.csrf import csrf_exempt
from rest_framework import serializers, status
from rest_framework.exceptions import APIException, MethodNotAllowed, ParseError

from http_app.request_ids import request_id
from http_app.unavailable import Unavailable, unavailable

View = Callable[..., HttpResponseBase]

API_PREFIX = "/api/"
# What Django takes for an attack: a host that is not ours, thousands of parameters ...
BAD_REQUEST = "The request is malformed: look at its host, its headers and the number of its parameters."


class Conflict(APIException):
    """409: the request is right, but what stands in the database does not allow it now."""

    status_code = status.HTTP_409_CONFLICT
    default_code = "conflict"
    default_detail = "Something changed at the same moment; read it again, then try again."


class BodyTooLarge(APIException):
    """413: the body is larger than DATA_UPLOAD_MAX_MEMORY_SIZE."""

    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_code = "body_too_large"

    def __init__(self) -> None:
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        super().__init__(f"The body is too large; at most {limit} bytes are taken.")


class LengthRequired(APIException):
    """411: the body has no Content-Length."""

    status_code = status.HTTP_411_LENGTH_REQUIRED
    default_code = "length_required"
    default_detail = "Send the body in one piece, with its Content-Length."


class InternalError(APIException):
    """500: tells nothing of the inside, but the id under which the logs tell it."""

    def __init__(self, request_id: str) -> None:
        super().__init__(f"Something went wrong on our side; the logs know it as request {request_id}.")


class OneErrorSerializer(serializers.Serializer[Any]):
    code = serializers.CharField(
        help_text="For programs: what kind of mistake. It stays; docs/errors.md names all."
    )
    detail = serializers.CharField(help_text="For people: what is wrong and what would be right.")
    attr = serializers.CharField(allow_null=True, help_text="The field or parameter, or null.")


class ErrorSerializer(serializers.Serializer[Any]):
    """The form of every error, for the schema."""

    type = serializers.ChoiceField(choices=["validation_error", "client_error", "server_error"])
    errors = OneErrorSerializer(many=True)  # type: ignore[assignment] # the form's own word


class UnavailableMiddleware:
    """Answers what views let through when the database is away, before it is reported as our fault."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        away = unavailable(exception)
        return _unavailable(request, away) if away else None


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """handler400: JSON for paths of the API, Django's page elsewhere."""
    if not _is_api(request):
        return defaults.bad_request(request, exception)
    return _answer(400, "client_error", ParseError.default_code, BAD_REQUEST)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """handler404: JSON for paths of the API, Django's page elsewhere."""
    if not _is_api(request):
        return defaults.page_not_found(request, exception)
    detail = "There is no such route; GET /api/schema names them all."
    return _answer(404, "client_error", "not_found", detail)


def read_only(view: View) -> View:
    """For views that are not ours: what is no GET or HEAD is a 405 in our form, whatever the view renders."""

    @csrf_exempt  # the 405 comes before the view, and in our form
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.method in ("GET", "HEAD"):
            return view(request, *args, **kwargs)
        refused = MethodNotAllowed(str(request.method))
        error = _answer(405, "client_error", refused.default_code, str(refused.detail))
        error["Allow"] = "GET, HEAD"
        return error

    return answer


def server_error(request: HttpRequest) -> HttpResponse:
    """handler500: JSON for paths of the API, Django's page elsewhere; 503 when time mends it."""
    if away := unavailable(sys.exc_info()[1]):
        return _unavailable(request, away)
    if not _is_api(request):
        return defaults.server_error(request)
    error = InternalError(request_id(request))
    return _answer(500, "server_error", "error", str(error.detail))


def _unavailable(request: HttpRequest, away: Unavailable) -> HttpResponse:
    detail = str(away.detail)
    answer = (
        _answer(away.status_code, "server_error", away.default_code, detail)
        if _is_api(request)
        else HttpResponse(f"{detail}\n", "text/plain", away.status_code)
    )
    answer["Retry-After"] = str(away.wait)
    return answer


def _is_api(request: HttpRequest) -> bool:
    # A client whose base URL ends in a slash asks for //api/tasks.
    return f"/{request.path.lstrip('/')}/".startswith(API_PREFIX)


def _answer(code: int, kind: str, error_code: str, detail: str) -> JsonResponse:
    error = {"code": error_code, "detail": detail, "attr": None}
    return JsonResponse({"type": kind, "errors": [error]}, status=code)
