"""503 for what is no fault of the request: PostgreSQL is away, or did not get to it in time."""

import structlog
from django.db import Error, InterfaceError, OperationalError
from rest_framework import status
from rest_framework.exceptions import APIException

log = structlog.get_logger(__name__)

# SQLSTATE (PostgreSQL, appendix A): connections, resources, an operator's intervention, the system.
_CLASSES = {"08", "53", "57", "58"}
_STATES = {
    "25006",  # a standby answers: somebody has just failed over
    "25P03",  # idle_in_transaction_session_timeout
    "25P04",  # transaction_timeout
    "40001",  # serialization_failure
    "55P03",  # lock_timeout
}
_TOO_SLOW = {"55P03", "57014"}


class Unavailable(APIException):
    """503, with Retry-After: the same request will do in a moment."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_code = "unavailable"
    default_detail = "The database does not answer at the moment; try again."
    wait = 5  # DRF's name for Retry-After, seconds


class Busy(Unavailable):
    """503: statement_timeout or lock_timeout ended the wait."""

    default_code = "busy"
    default_detail = "This took too long because others are at work on the same; try again."
    wait = 1


def unavailable(error: BaseException | None) -> Unavailable | None:
    """What to answer to a database's error that time mends; None for another error."""
    if not isinstance(error, Error):
        return None
    state = getattr(error.__cause__, "sqlstate", None)
    if state is None and not isinstance(error, OperationalError | InterfaceError):
        return None
    if state is not None and state[:2] not in _CLASSES and state not in _STATES:
        return None
    log.warning("database_unavailable", error=str(error), sqlstate=state)
    return Busy() if state in _TOO_SLOW else Unavailable()
