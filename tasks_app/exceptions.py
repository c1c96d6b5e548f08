"""Errors of requests that do not fit the state of a task."""

from rest_framework import status
from rest_framework.exceptions import APIException, ErrorDetail

from http_app.errors import Conflict
from tasks_app.models import OPEN, Task


class TaskInTrash(APIException):
    status_code = status.HTTP_409_CONFLICT
    default_code = "in_trash"
    default_detail = "The task is in the trash. Restore it first."


class ExternalIdTaken(APIException):
    """Another task of the user, `task_id`, has the external_id; None: one that the same request creates."""

    status_code = status.HTTP_409_CONFLICT

    def __init__(self, task_id: int | None) -> None:
        message = f"Your task {task_id} has this external_id. Change that one, which may be in the trash."
        if task_id is None:
            message = "A task that this request creates has this external_id: each is of one task only."
        super().__init__({"external_id": [ErrorDetail(message, "external_id_taken")]})


def refuse_trash(task: Task) -> Task:
    """The task; raises TaskInTrash if it is in the trash."""
    if task.deleted_at is not None:
        raise TaskInTrash
    return task


def refuse_unless_open_occurrence(task: Task) -> Task:
    """The task; raises Conflict if it has no rule, is completed or in the trash.

    The error names the open occurrence of its series, if there is one.
    """
    if task.deleted_at is not None:
        raise _not_possible(task, TaskInTrash.default_detail, TaskInTrash.default_code)
    if task.recurrence_rule is None:
        raise _not_possible(task, "The task has no recurrence rule.", "not_recurring")
    if task.completed:
        raise _not_possible(task, "The task is completed.", "completed")
    return task


def _not_possible(task: Task, why: str, code: str) -> Conflict:
    if task.series_id is not None:
        others = Task.objects.filter(OPEN, series_id=task.series_id, user=task.user_id).exclude(pk=task.pk)
        newest = others.order_by("-occurrence_at").values_list("pk", flat=True).first()
        if newest is not None:
            why += f" The open occurrence of its series is task {newest}."
    return Conflict(why, code)
