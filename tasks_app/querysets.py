"""Querysets of tasks, tags and priorities: what Django's bulk writes would do without an event, these refuse.

Tasks are written through one door (tasks_app/task_writes.py), tags of a task with the task.
"""

from collections import defaultdict
from collections.abc import Collection
from typing import Any, NoReturn, Self, TypeVar

from django.db import NotSupportedError, models

from events_app.models import CurrentTransactionId
from tasks_app import task_writes
from tasks_app.derived_fields import INDEXED

_Row = TypeVar("_Row", bound=models.Model)


class EventfulQuerySet(models.QuerySet[_Row]):
    """Rows whose changes are events."""

    way: str  # how they are written instead

    def update(self, **_values: Any) -> NoReturn:
        raise NotSupportedError(self.way)

    def bulk_create(self, *_args: Any, **_options: Any) -> NoReturn:
        raise NotSupportedError(self.way)

    def bulk_update(self, *_args: Any, **_options: Any) -> NoReturn:
        raise NotSupportedError(self.way)


class TaskQuerySet(EventfulQuerySet[_Row]):
    """Tasks; delete() is the door's erase()."""

    way = (
        "Tasks are made by create_task() and changed by update_task() or save(), or many by"
        " task_writes.create() and write()."
    )

    def locked(self) -> Self:
        """The rows locked for this transaction, in the one order that cannot deadlock with another's.

        Each task knows the transaction, in `locked_in`.
        """
        rows = self.select_for_update(of=("self",), no_key=True).order_by("pk")
        return rows.annotate(locked_in=CurrentTransactionId())

    def open_in_series_of(self, ids: Collection[int]) -> Self:
        """The open occurrences, archived ones too, of the series of these tasks, given by id."""
        series = self.filter(pk__in=ids, series_id__isnull=False).values("series_id")
        return self.filter(series_id__in=series, completed=False, deleted_at=None)

    def delete(self) -> tuple[int, dict[str, int]]:
        return task_writes.erase(self)

    delete.alters_data = True  # type: ignore[attr-defined]
    delete.queryset_only = True  # type: ignore[attr-defined]


class TaskManager(models.Manager.from_queryset(TaskQuerySet)):  # type: ignore[misc] # a class made by a call
    """Reads tasks without the columns that are for indexes only."""

    def get_queryset(self) -> Any:
        return super().get_queryset().defer(*INDEXED)


WITH_THE_TASK = (
    "Tags of a task are written with the task: update_task(task, tags=...) or task.save(tag_ids=...)."
)


class TaskTagQuerySet(EventfulQuerySet[_Row]):
    """Tags of tasks, to be read: a change of them is a change of the task."""

    way = WITH_THE_TASK

    def ids_by_task(self, task_ids: Collection[int]) -> dict[int, list[int]]:
        """The ids of the tags of each of these tasks, in order; a task without tags is not there."""
        by_task: dict[int, list[int]] = defaultdict(list)
        pairs = self.filter(task__in=task_ids).order_by("tag_id").values_list("task_id", "tag_id")
        for task_id, tag_id in pairs:
            by_task[task_id].append(tag_id)
        return by_task

    def delete(self) -> NoReturn:
        raise NotSupportedError(WITH_THE_TASK)

    delete.queryset_only = True  # type: ignore[attr-defined]


class LabelQuerySet(EventfulQuerySet[_Row]):
    """Tags or priorities; delete() of many sends a signal for each, which records its event."""

    way = "Tags and priorities are written one by one, by save(), or new tags by tags_named()."
