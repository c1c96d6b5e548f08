"""What becomes of an exception in a view (setting DRF_STANDARDIZED_ERRORS).

Apart from http_app/errors.py: this imports DRF's views, which import how people sign in, which has errors.
"""

from math import ceil
from typing import Any

import structlog
from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.db import IntegrityError, OperationalError
from django.db.models import ProtectedError
from drf_standardized_errors import handler
from psycopg.errors import DeadlockDetected, ForeignKeyViolation, UniqueViolation
from rest_framework.exceptions import (
    APIException,
    AuthenticationFailed,
    ErrorDetail,
    NotAuthenticated,
    ParseError,
    Throttled,
    UnsupportedMediaType,
)
from rest_framework.response import Response

from http_app.errors import BAD_REQUEST, BodyTooLarge, Conflict, InternalError
from http_app.request_ids import request_id
from http_app.unavailable import Unavailable, unavailable
from http_app.wording import in_our_words

log = structlog.get_logger(__name__)


class ExceptionHandler(handler.ExceptionHandler):
    def convert_known_exceptions(self, exc: Exception) -> Exception:
        if isinstance(exc, RequestDataTooBig):
            return BodyTooLarge()
        if isinstance(exc, ProtectedError):
            used_by = sorted({str(row._meta.verbose_name_plural) for row in exc.protected_objects})
            return Conflict(f"This is in use by {' and '.join(used_by)}; change those first.", "in_use")
        if isinstance(exc, SuspiciousOperation):
            return ParseError(BAD_REQUEST)
        if isinstance(exc, IntegrityError | OperationalError) and isinstance(
            exc.__cause__, UniqueViolation | ForeignKeyViolation | DeadlockDetected
        ):
            # The validators found nothing wrong: somebody else was a moment faster. Or we have a fault.
            log.warning("conflict", exc_info=exc)
            return Conflict()
        if away := unavailable(exc):
            return away
        if isinstance(exc, UnsupportedMediaType) and str(exc.detail).startswith("Unsupported media type"):
            exc.detail = ErrorDetail(f"{exc.detail} Send application/json.", exc.default_code)
        if isinstance(exc, AuthenticationFailed | NotAuthenticated):
            exc.detail = _reworded(exc.detail)
        if isinstance(exc, Throttled):
            wait = ceil(exc.wait or 1)  # type: ignore[attr-defined] # the stubs lack it
            exc.detail = ErrorDetail(f"Too many requests; try again in {wait} s.", "throttled")
        known: Exception = super().convert_known_exceptions(exc)
        return known

    def report_exception(self, exc: APIException, response: Response) -> None:
        if not isinstance(exc, Unavailable):  # told already, and no traceback says more
            super().report_exception(exc, response)

    def convert_unhandled_exceptions(self, exc: Exception) -> APIException:
        if isinstance(exc, APIException):
            return exc
        request = self.context["request"]
        return InternalError(request_id(request._request) if request else "")


def _reworded(detail: Any) -> ErrorDetail:
    # simplejwt's is a dict, which would be told as an error for each entry, with its own classes' names.
    text, code = (detail["detail"], detail["code"]) if isinstance(detail, dict) else (detail, detail.code)
    return ErrorDetail(in_our_words(str(text)), str(code))
