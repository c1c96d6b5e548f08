"""Errors of requests that do not fit the state of a task."""

from rest_framework import status
from rest_framework.exceptions import APIException

from tasks_app.models import Task


class TaskInTrash(APIException):
    status_code = status.HTTP_409_CONFLICT
    default_code = "in_trash"
    default_detail = "The task is in the trash. Restore it first."


def refuse_trash(task: Task) -> Task:
    """The task; raises TaskInTrash if it is in the trash."""
    if task.deleted_at is not None:
        raise TaskInTrash
    return task
