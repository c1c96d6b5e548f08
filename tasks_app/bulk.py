"""Many changes of tasks in one request: checked one by one, in order, then written with few statements.

Each operation is checked against the tasks as the previous operations leave them. A task that is named more
than once changes once: one version, one event. Nothing is written before everything is checked, so an atomic
request that fails has nothing to undo.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Q
from django.utils import timezone
from rest_framework import status
from rest_framework.exceptions import APIException, NotFound, ValidationError

from accounts_app.models import User
from http_app.errors import StaleVersion
from tasks_app import task_writes
from tasks_app.bulk_outcomes import Done, Failed, refused, result_of
from tasks_app.bulk_serializers import DeleteSerializer, NothingSerializer
from tasks_app.derived_fields import is_skipped
from tasks_app.exceptions import ExternalIdTaken, refuse_trash, refuse_unless_open_occurrence
from tasks_app.following import end_lines, may_leave_series
from tasks_app.labelled import LARGEST_ID
from tasks_app.lookup import Lookup, tags_named
from tasks_app.models import Task, TaskTag
from tasks_app.new_task_serializer import IMPORT_FIELDS, NewTaskSerializer, is_import
from tasks_app.occurrences import continue_after_skips
from tasks_app.quotas import QuotaReached
from tasks_app.reminding import reminder_instants
from tasks_app.task_serializer import TaskSerializer, fields_and_tags
from tasks_app.task_writes import Draft

# To create a task again takes it out of the trash.
_MOVES_SUCCESSOR = ("create", "reopen", "restore", "skip")
READ_ONLY = set(TaskSerializer.Meta.read_only_fields)


@dataclass
class Writes:
    """The tasks to write."""

    created: list[Task] = field(default_factory=list)
    changed: dict[int, Task] = field(default_factory=dict)
    erased: set[int] = field(default_factory=set)
    # Ids and names of tags, by the task's id(): names become tags when all else is known to be right.
    tags: dict[int, tuple[set[int], list[str]]] = field(default_factory=dict)


class Bulk:
    """The operations of one request. Runs inside its transaction."""

    def __init__(self, user: User, *, context: Mapping[str, Any]) -> None:
        self._user = user
        self._lookup = Lookup(user)
        context = {**context, "lookup": self._lookup}
        self._create = NewTaskSerializer(context=context)
        self._update = TaskSerializer(context=context, partial=True)
        self._delete, self._nothing = DeleteSerializer(), NothingSerializer()
        self._tasks: dict[int, Task] = {}
        self._by_external_id: dict[str | None, Task] = {}
        self._writes = Writes()

    def run(self, operations: Sequence[Any], *, atomic: bool) -> list[dict[str, Any]]:
        """Run them; the results. `operations` are those of OperationSerializer, or the error of one.

        If `atomic` and one fails, raises ValidationError or BulkRefusedError with all failed operations.
        """
        good = [operation for operation in operations if isinstance(operation, dict)]
        self._lock(good)
        self._lookup.load_tags(_tag_ids(good))
        self._lookup.load_tag_names(_tag_names(good))
        outcomes = [self._check(operation) for operation in operations]
        failed = {i: outcome for i, outcome in enumerate(outcomes) if isinstance(outcome, Failed)}
        if atomic and failed:
            raise refused(failed)
        self._write()
        return [result_of(i, outcome) for i, outcome in enumerate(outcomes)]

    def _lock(self, operations: Sequence[dict[str, Any]]) -> None:
        """Load the tasks of these operations, and the others of their series that may change with them."""
        mine = Task.objects.filter(user=self._user)
        ids = self._lookup.load_external_ids(_external_ids(operations))
        named = [(pk, each) for each in operations if (pk := self._named(each)) is not None]
        ids |= {pk for pk, _ in named}
        # Asked for first: with a subquery PostgreSQL would read all tasks of the user.
        if left := [pk for pk, each in named if may_leave_series(each.get("data", {}))]:
            ids |= set(mine.open_in_series_of(left).values_list("pk", flat=True))
        wanted = Q(pk__in=ids)
        if moving := [pk for pk, each in named if each["op"] in _MOVES_SUCCESSOR]:
            wanted |= Q(generated_from__in=moving)
        self._tasks = {task.pk: task for task in mine.filter(wanted).locked()}
        if any(READ_ONLY & each.get("data", {}).keys() for each in operations):
            self._load_tags()
        self._by_external_id = {task.external_id: task for task in self._tasks.values()}

    def _named(self, operation: dict[str, Any]) -> int | None:
        """The id of the task that the operation names, by its id or as one to create again."""
        if "id" in operation:
            return int(operation["id"])
        return next((self._lookup.task_of(one) for one in _external_ids([operation])), None)

    def _load_tags(self) -> None:
        """With one query, for comparing read-only fields with what is stored."""
        by_task = TaskTag.objects.ids_by_task(self._tasks)
        for pk, task in self._tasks.items():
            task.tag_ids = by_task[pk]

    def _check(self, operation: dict[str, Any] | ValidationError) -> Done | Failed:
        """Apply one to its task, without writing it."""
        if isinstance(operation, ValidationError):
            return Failed(operation.status_code, operation.detail)  # type: ignore[arg-type] # a serializer's
        try:
            return getattr(self, f"_{operation['op']}_task")(operation)  # type: ignore[no-any-return]
        except (ValidationError, StaleVersion, ExternalIdTaken, QuotaReached) as error:
            return Failed(error.status_code, {"data": error.detail})
        except APIException as error:
            return Failed(error.status_code, {"id": error.detail})

    def _create_task(self, operation: dict[str, Any]) -> Done:
        known = self._known(operation["data"].get("external_id"))
        if known is not None:
            return self._create_again(known, operation["data"])
        fields, tags, names = fields_and_tags(self._create.run_validation(operation["data"]))
        self._lookup.quota.take(tasks=1, tag_keys=self._lookup.new_tag_keys(names or ()))
        task = Task(user=self._user, **fields)
        self._writes.created.append(task)
        self._by_external_id[task.external_id] = task
        self._tag(task, tags, names)
        return Done(status.HTTP_201_CREATED, task)

    def _create_again(self, task: Task, data: dict[str, Any]) -> Done:
        """Update the user's task of the same external_id, also out of the trash, and complete it if it was
        completed elsewhere. When it was created does not change."""
        said = {name: data[name] for name in IMPORT_FIELDS if name in data}
        was = self._create.run_validation({"title": task.title} | said)
        others = {name: value for name, value in data.items() if name not in said}
        self._set_fields(task, others, past_is_accepted=is_import(was))
        if is_import(was) and _has_new_reminders(task):
            task.reminded_until = was["reminded_until"]
        if was.get("completed") and not task.completed:
            task.completed, task.completed_at = True, was["completed_at"]
        # Only now: an operation that fails changes nothing for those after it.
        task.deleted_at = task.slot_state = None
        return self._changed(task)

    def _update_task(self, operation: dict[str, Any]) -> Done:
        task = refuse_trash(self._task(operation))
        self._set_fields(task, operation["data"])
        return self._changed(task)

    def _set_fields(self, task: Task, data: dict[str, Any], *, past_is_accepted: bool = False) -> None:
        self._update.instance, self._update.past_is_accepted = task, past_is_accepted
        fields, tags, names = fields_and_tags(self._update.run_validation(data))
        other = self._known(fields.get("external_id"))
        if other is not None and other is not task:
            raise ExternalIdTaken(other.pk)
        self._lookup.quota.take(tag_keys=self._lookup.new_tag_keys(names or ()))
        for name, value in fields.items():
            setattr(task, name, value)
        self._by_external_id[task.external_id] = task
        self._tag(task, tags, names)

    def _known(self, external_id: Any) -> Task | None:
        """The task that has this external_id, as the previous operations leave it."""
        task = self._by_external_id.get(external_id) if isinstance(external_id, str) else None
        if task is None or task.external_id != external_id or task.pk in self._writes.erased:
            return None
        return task

    def _complete_task(self, operation: dict[str, Any]) -> Done:
        task = refuse_trash(self._task_alone(operation))
        task.completed = True
        return self._changed(task)

    def _reopen_task(self, operation: dict[str, Any]) -> Done:
        task = refuse_trash(self._task_alone(operation))
        task.completed = False
        return self._changed(task)

    def _restore_task(self, operation: dict[str, Any]) -> Done:
        task = self._task_alone(operation)
        task.deleted_at = task.slot_state = None
        return self._changed(task)

    def _skip_task(self, operation: dict[str, Any]) -> Done:
        task = refuse_unless_open_occurrence(self._task_alone(operation))
        task.deleted_at, task.slot_state = timezone.now(), Task.SlotState.SKIPPED
        return self._changed(task)

    def _delete_task(self, operation: dict[str, Any]) -> Done:
        task = self._task(operation)
        if self._delete.run_validation(operation.get("data", {}))["permanent"]:
            self._writes.erased.add(task.pk)
        else:
            task.deleted_at = task.deleted_at or timezone.now()
            self._writes.changed[task.pk] = task
        return Done(status.HTTP_204_NO_CONTENT, task, task.pk)

    def _task_alone(self, operation: dict[str, Any]) -> Task:
        """The task of an operation without data."""
        self._nothing.run_validation(operation.get("data", {}))
        return self._task(operation)

    def _task(self, operation: dict[str, Any]) -> Task:
        task = self._tasks.get(operation["id"])
        if task is None or task.pk in self._writes.erased:
            raise NotFound("You have no task with this id.")
        return task

    def _changed(self, task: Task) -> Done:
        if not task._state.adding:
            self._writes.changed[task.pk] = task
        return Done(status.HTTP_200_OK, task, task.pk)

    def _tag(self, task: Task, tags: set[int] | None, names: list[str] | None) -> None:
        if tags is not None or names is not None:
            self._writes.tags[id(task)] = (tags or set(), names or [])

    def _end_series_left(self) -> None:
        """Other open occurrences of a series that a task leaves are the last of it."""
        changed = self._writes.changed
        left = {task.stored.series_id for task in changed.values() if task.series_id is None} - {None}
        others = [
            task
            for task in self._tasks.values()
            if task.series_id in left and not (task.completed or task.deleted_at)
        ]
        end_lines(others)
        changed |= {task.pk: task for task in others}

    def _write(self) -> None:
        writes = self._writes
        self._end_series_left()
        wanted = {name for _, names in writes.tags.values() for name in names}
        named = tags_named(self._user, wanted, quota=self._lookup.quota) if wanted else {}
        tag_ids = {key: ids | {named[name] for name in names} for key, (ids, names) in writes.tags.items()}
        task_writes.create([Draft(task, tag_ids.get(id(task))) for task in writes.created])
        skipped = [
            task for task in writes.changed.values() if is_skipped(task) and not is_skipped(task.stored)
        ]
        task_writes.write([Draft(task, tag_ids.get(id(task))) for task in writes.changed.values()])
        if skipped:
            continue_after_skips(skipped)
        if writes.erased:
            task_writes.erase(Task.objects.filter(pk__in=writes.erased))


def _has_new_reminders(task: Task) -> bool:
    return task._state.adding or reminder_instants(task) != reminder_instants(task.stored)


def _external_ids(operations: Iterable[dict[str, Any]]) -> set[str]:
    """The external ids that are named."""
    ids = (operation.get("data", {}).get("external_id") for operation in operations)
    return {given for given in ids if isinstance(given, str) and "\0" not in given}


def _tag_ids(operations: Iterable[dict[str, Any]]) -> set[int]:
    """The tags named by id; other values are rejected when their operation is checked."""
    lists = (operation.get("data", {}).get("tag_ids") for operation in operations)
    ids = (pk for given in lists if isinstance(given, list) for pk in given)
    return {pk for pk in ids if type(pk) is int and 0 < pk <= LARGEST_ID}


def _tag_names(operations: Iterable[dict[str, Any]]) -> set[str]:
    """The tags named by name; other values are rejected when their operation is checked."""
    lists = (operation.get("data", {}).get("tags") for operation in operations)
    names = (name for given in lists if isinstance(given, list) for name in given)
    return {name for name in names if isinstance(name, str) and "\0" not in name}
