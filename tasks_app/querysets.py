"""Querysets whose bulk writes are recorded too: update(), bulk_create() and bulk_update() send no post_save.

Each writes its events with one INSERT; update(), and with it bulk_update(), in chunks of locked rows.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from copy import copy
from dataclasses import replace
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Any, Self

from django.db import NotSupportedError, models, transaction
from django.db.models import F, Q
from django.db.models.deletion import Collector
from django.utils import timezone

from tasks_app import changes
from tasks_app.changes import Change
from tasks_app.rows import insert_rows, update_rows
from tasks_app.settling import settle

if TYPE_CHECKING:
    from tasks_app.models import Task, TaskTag

# Bounds memory and the length of one statement, not the size of an update.
CHUNK = 500


class TaskQuerySet(models.QuerySet["Task"]):
    """Tasks; every write through it is a recorded change."""

    def locked(self) -> Self:
        """The rows locked for this transaction, in the one order that cannot deadlock with another's."""
        return self.select_for_update(of=("self",), no_key=True).order_by("pk")

    def update(self, **values: Any) -> int:
        """Django's update(), in chunks by id, with an event for each task that changed."""
        if self.query.is_sliced:
            raise TypeError("Cannot update a query once a slice has been taken.")
        with transaction.atomic(using=self.db):
            updated = last = 0
            while chunk := self._next_pks(last):
                updated += self._update_chunk(chunk, values)
                last = chunk[-1]
        return updated

    update.alters_data = True  # type: ignore[attr-defined]

    def bulk_create(self, objs: Iterable[Task], *args: Any, **options: Any) -> list[Task]:
        """As Django's bulk_create(), with the tags in `tag_ids` and an event for each task.

        Raises NotSupportedError for options: with ignore_conflicts PostgreSQL does not tell which rows were
        written, so their events could not be true; and one statement needs no batches.
        """
        if any(args) or any(options.values()):
            raise NotSupportedError("Tasks are created one way: without options.")
        tasks = list(objs)
        models.prefetch_related_objects([task for task in tasks if not task.timezone], "user")
        for task in tasks:
            settle(task, None, now=timezone.now())
        if not tasks:
            return tasks
        with transaction.atomic(using=self.db, savepoint=False):
            insert_rows(tasks, using=self.db)
            self._link({task.pk: set(task.tag_ids or ()) for task in tasks})
            changes.record([changes.change_of(task) for task in tasks], _tag_ids(tasks))
        for task in tasks:
            task.remember()
        return tasks

    bulk_create.alters_data = True  # type: ignore[attr-defined]

    def delete(self) -> tuple[int, dict[str, int]]:
        """Django's delete(), over locked rows, whose events are written with one INSERT."""
        with transaction.atomic(using=self.db):
            held = list(self._rows(self.values_list("pk", flat=True)).locked().values_list("pk", flat=True))
            # Asked again, as in _update_chunk: somebody may have taken one out of the trash meanwhile.
            tasks = list(self._rows(self.filter(pk__in=held).values_list("pk", flat=True)).order_by("pk"))
            tag_ids = self.tag_ids_of(tasks)
            doomed = [(copy(task), tag_ids[task.pk]) for task in tasks]  # Django empties the ids of its own
            for task in tasks:
                task.told_by_queryset = True
            self._leave_doomed_heads(tasks)
            collector = Collector(using=self.db, origin=self)
            collector.collect(tasks)
            deleted = collector.delete()
            changes.record_erased(doomed)
        return deleted

    delete.alters_data = True  # type: ignore[attr-defined]
    delete.queryset_only = True  # type: ignore[attr-defined]

    def write_locked(self, tasks: Sequence[Task]) -> None:
        """Write what these locked tasks changed, their tags in `tag_ids` too, with an event for each change.

        Each task's `before` is its row. Five statements at most, whatever the number of tasks.
        """
        have = self.tag_ids_of(tasks)
        rows, columns, told = [], set[str](), []
        for task in tasks:
            task.tag_ids = sorted(have[task.pk] if task.tag_ids is None else task.tag_ids)
            retagged = task.tag_ids != sorted(have[task.pk])
            if names := settle(task, task.before, now=timezone.now(), retagged=retagged):
                rows.append(task)
                columns |= names
                change = changes.change_of(task)
                told.append(replace(change, fields=[*change.fields, *(["tag_ids"] if retagged else [])]))
        self._unlink({task.pk: set(have[task.pk]) - set(task.tag_ids or ()) for task in rows})
        self._link({task.pk: set(task.tag_ids or ()) - set(have[task.pk]) for task in rows})
        if rows:
            update_rows(rows, columns, using=self.db)
            changes.record([change for change in told if change.fields], _tag_ids(rows))
        for task in rows:
            task.remember()

    def touch(self, task_ids: Collection[int]) -> None:
        """The tags of these tasks have changed: a new version, and an event, for each."""
        with transaction.atomic(using=self.db):
            pending = changes.pending_events(task_ids)
            told = {pk for pk in task_ids if changes.pending_kind(pk, pending)}
            list(self._rows(task_ids).locked())
            # A change told in this transaction already has its version: one visible change, one version.
            self._plain(set(task_ids) - told).update(version=F("version") + 1, updated_at=timezone.now())
            tasks = list(self._rows(task_ids).order_by("pk"))
            changes.record([Change(task, "updated", ["tag_ids"]) for task in tasks], self.tag_ids_of(tasks))

    def tag_ids_of(self, tasks: Iterable[Task]) -> dict[int, list[int]]:
        """The ids of the tags of each task, by task id; no query for no tasks."""
        pairs = self._links().filter(task__in=list(tasks)).values_list("task_id", "tag_id")
        by_task: dict[int, list[int]] = defaultdict(list)
        for task_id, tag_id in pairs:
            by_task[task_id].append(tag_id)
        return by_task

    def _leave_doomed_heads(self, doomed: Sequence[Task]) -> None:
        """Without telling: SET_NULL would tell that an occurrence loses its head, while both go."""
        pks = {task.pk for task in doomed}
        if orphans := [task.pk for task in doomed if task.parent_task_id in pks]:
            self._plain(orphans).update(parent_task=None)

    def _next_pks(self, last: int) -> list[int]:
        rows = self.filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)
        return list(dict.fromkeys(rows[:CHUNK]))

    def _update_chunk(self, pks: list[int], values: dict[str, Any]) -> int:
        before = {row.pk: row for row in self._rows(pks).locked()}
        # The query's own conditions are asked again, now that nobody else can change the rows.
        updated = models.QuerySet.update(self.filter(pk__in=list(before)).order_by(), **values)
        after = list(self._rows(before).order_by("pk"))
        for row in after:
            row.before = before[row.pk]
        changed = [row for row in after if settle(row, row.before, now=timezone.now())]
        self._write_derived(changed)
        told = [change for change in map(changes.change_of, changed) if change.fields]
        changes.record(told, self.tag_ids_of(change.task for change in told))
        return updated

    def _write_derived(self, rows: list[Task]) -> None:
        names = set().union(*(row.touched() for row in rows))
        if names:
            update_rows(rows, names, using=self.db)

    def _link(self, tag_ids: Mapping[int, Collection[int]]) -> None:
        """Give these tasks these tags, without telling."""
        links = [
            self._links().model(task_id=task_id, tag_id=pk)
            for task_id, pks in tag_ids.items()
            for pk in sorted(pks)
        ]
        if links:
            insert_rows(links, using=self.db)

    def _unlink(self, tag_ids: Mapping[int, Collection[int]]) -> None:
        """Take these tags from these tasks, without telling."""
        gone = [Q(task=task_id, tag__in=pks) for task_id, pks in tag_ids.items() if pks]
        if gone:
            self._links().filter(reduce(or_, gone))._raw_delete(self.db)

    def _links(self) -> models.QuerySet[TaskTag]:
        """The tags of tasks, by a queryset that records nothing."""
        return models.QuerySet(self.model._meta.get_field("task_tags").related_model, using=self.db)

    def _rows(self, pks: Iterable[int]) -> TaskQuerySet:
        rows = self.model._default_manager.using(self.db).filter(pk__in=pks)
        assert isinstance(rows, TaskQuerySet)
        return rows

    def _plain(self, pks: Iterable[int] | None = None) -> models.QuerySet[Task]:
        """A queryset that records nothing, for what is not a change of its own."""
        rows: models.QuerySet[Task] = models.QuerySet(self.model, using=self.db)
        return rows if pks is None else rows.filter(pk__in=pks)


def _tag_ids(tasks: Iterable[Task]) -> dict[int, list[int]]:
    return {task.pk: task.tag_ids or [] for task in tasks}


class TaskTagQuerySet(models.QuerySet["TaskTag"]):
    """Tags of tasks; every write through it is a change of the tasks."""

    def bulk_create(self, objs: Iterable[TaskTag], *args: Any, **options: Any) -> list[TaskTag]:
        """Django's bulk_create(); with ignore_conflicts only the pairs that are new are written and told."""
        links = list(objs)
        with transaction.atomic(using=self.db):
            self._lock_tasks(link.task_id for link in links)
            if options.pop("ignore_conflicts", False):
                links = self._new_links(links)
            super().bulk_create(links, *args, **options)
            self._touch_tasks(link.task_id for link in links)
        return links

    bulk_create.alters_data = True  # type: ignore[attr-defined]

    def update(self, **values: Any) -> int:
        """Django's update(); each task that had or has such a tag has changed."""
        with transaction.atomic(using=self.db):
            pks, task_ids = self._pks_and_tasks()
            updated = super().update(**values)
            self._touch_tasks([*task_ids, *self._task_ids(pks)])
        return updated

    update.alters_data = True  # type: ignore[attr-defined]

    def delete(self) -> tuple[int, dict[str, int]]:
        """Delete the rows with one statement and tell each task's change once."""
        with transaction.atomic(using=self.db):
            pks, task_ids = self._pks_and_tasks()
            deleted = self.model._default_manager.filter(pk__in=pks)._raw_delete(self.db)
            self._touch_tasks(task_ids)
        return deleted, {self.model._meta.label: deleted} if deleted else {}

    delete.alters_data = True  # type: ignore[attr-defined]
    delete.queryset_only = True  # type: ignore[attr-defined]

    def _pks_and_tasks(self) -> tuple[list[int], list[int]]:
        pks = list(self.order_by().values_list("pk", flat=True))
        task_ids = self._task_ids(pks)
        self._lock_tasks(task_ids)
        return pks, task_ids

    def _task_ids(self, pks: Collection[int]) -> list[int]:
        rows = self.model._default_manager.filter(pk__in=pks)
        return list(rows.values_list("task_id", flat=True).distinct())

    def _lock_tasks(self, task_ids: Iterable[int]) -> None:
        list(self._tasks().filter(pk__in=list(task_ids)).locked().values_list("pk"))

    def _touch_tasks(self, task_ids: Iterable[int]) -> None:
        if ids := set(task_ids):
            self._tasks().touch(ids)

    def _tasks(self) -> TaskQuerySet:
        tasks = self.model._meta.get_field("task").related_model._default_manager.using(self.db)
        assert isinstance(tasks, TaskQuerySet)
        return tasks

    def _new_links(self, links: list[TaskTag]) -> list[TaskTag]:
        rows = self.model._default_manager.filter(task_id__in={link.task_id for link in links})
        there = set(rows.values_list("task_id", "tag_id"))
        return [link for link in links if (link.task_id, link.tag_id) not in there]
