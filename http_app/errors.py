"""The errors that HTTP itself knows, as exceptions, and the form of every error in the API's document.

How an exception becomes an answer is in http_app/error_answers.py. This module imports no view, so that
whatever views import (authentication above all) can raise these.
"""

from typing import Any

import structlog
from django.conf import settings
from django.db import Error, InterfaceError, OperationalError
from rest_framework import serializers, status
from rest_framework.exceptions import APIException, ErrorDetail

log = structlog.get_logger(__name__)

# SQLSTATE (PostgreSQL, appendix A): connections, resources, an operator's intervention, the system.
_UNAVAILABLE_CLASSES = {"08", "53", "57", "58"}
_UNAVAILABLE_STATES = {
    "25006",  # read_only_sql_transaction: a standby, right after a failover
    "25P03",  # idle_in_transaction_session_timeout
    "25P04",  # transaction_timeout
    "40001",  # serialization_failure
    "40P01",  # deadlock_detected
    "55P03",  # lock_timeout
}
_BUSY_STATES = {"40P01", "55P03", "57014"}


class Conflict(APIException):
    """409: the request is right, but the state of the database does not allow it now."""

    status_code = status.HTTP_409_CONFLICT
    default_code = "conflict"
    default_detail = "Another request changed this at the same time. Read it again, then retry."


class UnreadableHeader(APIException):
    """400: a header that the answer depends on has characters outside ASCII."""

    status_code = status.HTTP_400_BAD_REQUEST
    default_code = "unreadable_header"

    def __init__(self, name: str) -> None:
        super().__init__(f"The header {name} may have only ASCII characters.")


class IncompleteBody(APIException):
    """400: the body ended early, or its chunks cannot be read."""

    status_code = status.HTTP_400_BAD_REQUEST
    default_code = "incomplete_body"
    default_detail = "The body is not complete, or its chunks are malformed or followed by trailers."


class BodyTimeout(APIException):
    """408: the body was not complete in time."""

    status_code = status.HTTP_408_REQUEST_TIMEOUT
    default_code = "body_timeout"
    default_detail = "The body took too long to arrive. Send it again."


class PreconditionFailed(APIException):
    """412: the object has another version than If-Match names."""

    status_code = status.HTTP_412_PRECONDITION_FAILED
    default_code = "stale"

    def __init__(self, version: int) -> None:
        super().__init__(
            f'The resource is now at version "{version}".'
            " Read it again, then send If-Match with that version."
        )


class StaleVersion(APIException):
    """412: the object has another version than the `version` in the body."""

    status_code = status.HTTP_412_PRECONDITION_FAILED
    default_code = "stale"

    def __init__(self, version: int) -> None:
        detail = f"The resource is now at version {version}. Read it again, then send your change of that."
        super().__init__({"version": [ErrorDetail(detail, self.default_code)]})


class NoVersion(APIException):
    """412: If-Match names a version, and the resource has none to compare it with."""

    status_code = status.HTTP_412_PRECONDITION_FAILED
    default_code = "no_version"
    default_detail = "This resource has no version that If-Match could be compared with. Remove the header."


class BodyTooLarge(APIException):
    """413: the body is larger than the route allows: DATA_UPLOAD_MAX_MEMORY_SIZE, or less."""

    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_code = "body_too_large"

    def __init__(self, limit: int | None = None) -> None:
        limit = limit or settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        super().__init__(f"The body is too large. The maximum is {limit} bytes.")


class Misdirected(APIException):
    """421: another process serves this, at `url`."""

    status_code = status.HTTP_421_MISDIRECTED_REQUEST
    default_code = "misdirected"

    def __init__(self, url: str) -> None:
        super().__init__(f"This is not served here. Use {url}.")


class IdempotencyKeyReused(APIException):
    """422: the key was used for another request before."""

    status_code = status.HTTP_422_UNPROCESSABLE_ENTITY
    default_code = "idempotency_key_reused"
    default_detail = (
        "This Idempotency-Key was already used for a different request. Use a new key for each request."
    )


class TooManyAtOnce(APIException):
    """429, with Retry-After: too many requests of one caller wait, or too many bodies of one address."""

    status_code = status.HTTP_429_TOO_MANY_REQUESTS
    default_code = "too_many_at_once"
    default_detail = "Too many of your requests are in progress. Wait for some of them to end."
    wait = 1


class TooBusy(APIException):
    """429: this process does as much of this as it can."""

    status_code = status.HTTP_429_TOO_MANY_REQUESTS
    default_code = "too_busy"
    default_detail = "This server checks as many passwords as it can at the moment. Try again."
    wait = 1  # DRF's name for Retry-After, seconds


class InternalError(APIException):
    """500: nothing about the cause, only the id under which the log has it."""

    def __init__(self, request_id: str) -> None:
        super().__init__(f"Internal server error. The log has the details under the request id {request_id}.")


class Unavailable(APIException):
    """503, with Retry-After: the same request will succeed in a moment."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_code = "unavailable"
    default_detail = "The database is unavailable. Try again."
    wait = 5  # DRF's name for Retry-After, seconds


class Busy(Unavailable):
    """503: statement_timeout or lock_timeout ended the wait."""

    default_code = "busy"
    default_detail = "This took too long because other requests are changing the same data. Try again."
    wait = 1


class Overloaded(Unavailable):
    """503: the bodies of all clients together take too much memory."""

    default_code = "overloaded"
    default_detail = "The server has too many requests in progress. Try again."
    wait = 1


def unavailable(error: BaseException | None) -> Unavailable | None:
    """The answer to a database error that goes away with time; None for any other error."""
    if not isinstance(error, Error):
        return None
    state = getattr(error.__cause__, "sqlstate", None)
    if state is None and not isinstance(error, OperationalError | InterfaceError):
        return None
    if state is not None and state[:2] not in _UNAVAILABLE_CLASSES and state not in _UNAVAILABLE_STATES:
        return None
    log.warning("database_unavailable", error=str(error), sqlstate=state)
    return Busy() if state in _BUSY_STATES else Unavailable()


ERROR_TYPES = ["validation_error", "client_error", "server_error"]


class OneErrorSerializer(serializers.Serializer[Any]):
    code = serializers.CharField(
        help_text="For programs: the kind of error. Codes do not change; docs/errors.md lists them all."
    )
    detail = serializers.CharField(help_text="For people: what is wrong and how to fix it.")
    attr = serializers.CharField(allow_null=True, help_text="The field or parameter, or null.")


class ErrorSerializer(serializers.Serializer[Any]):
    """The form of every error, for the schema."""

    type = serializers.ChoiceField(choices=ERROR_TYPES)
    errors = OneErrorSerializer(many=True)  # type: ignore[assignment] # the name of the field
