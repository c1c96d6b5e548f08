"""What became of the operations of a bulk request, and how the answer says it."""

from dataclasses import asdict, dataclass
from typing import Any

from drf_standardized_errors.formatter import flatten_errors
from rest_framework import status
from rest_framework.exceptions import APIException, ValidationError

from tasks_app.models import Task


@dataclass
class Done:
    """An operation that succeeds: the response of its own route."""

    status: int
    task: Task
    id: int | None = None  # known from the start: an erased task has none in the end


@dataclass
class Failed:
    """An operation that fails: `detail` as in REST framework, by field."""

    status: int
    detail: dict[str, Any]


class BulkRefusedError(APIException):
    """All failed operations have the same status, and it is not 400: that status (404, 409)."""

    def __init__(self, status_code: int, detail: dict[str, Any]) -> None:
        super().__init__(detail)
        self.status_code = status_code


def refused(failed: dict[int, Failed]) -> APIException:
    """An error in the usual form, with every failed operation."""
    detail: dict[str, Any] = {"operations": {i: outcome.detail for i, outcome in failed.items()}}
    codes = {outcome.status for outcome in failed.values()}
    code = codes.pop() if len(codes) == 1 else status.HTTP_400_BAD_REQUEST
    if code == status.HTTP_400_BAD_REQUEST:
        return ValidationError(detail)
    return BulkRefusedError(code, detail)


def result_of(index: int, outcome: Done | Failed) -> dict[str, Any]:
    """Its result in the answer: status and id, or the error in the usual form."""
    if isinstance(outcome, Done):
        return {"status": outcome.status, "id": outcome.id or outcome.task.pk}
    kind = "validation_error" if outcome.status == status.HTTP_400_BAD_REQUEST else "client_error"
    errors = [asdict(error) for error in flatten_errors(outcome.detail, f"operations.{index}")]
    return {"status": outcome.status, "error": {"type": kind, "errors": errors}}
