"""The one door through which tasks are written: create, write, erase.

From top to bottom: lock the rows, derive what follows, write with one statement for all, record the events;
in one transaction, the caller's when there is one. Task.save() goes through here too, and leaves the events
to the receiver of its post_save. This module imports no models: they come with the tasks.
Sources: docs/decisions/0002, 0003 and 0010.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

import orjson
from django.db import connection, transaction
from django.db.models import F, Field, Q, QuerySet
from django.db.models.deletion import Collector
from django.utils import timezone

from database.prepared import prepared_cursor
from tasks_app import slot_records, task_events
from tasks_app.derived_fields import INDEXED, TEXT, VISIBLE, derive, derive_indexed, derive_new, is_over
from tasks_app.reminding import is_silent
from tasks_app.task_events import Change

# Bounds memory and the length of a statement, not what can be written in one transaction.
BATCH = 500


class Draft(NamedTuple):
    """A Task as it is to be written, with the ids of all its tags from then on; None: those it has."""

    task: Any
    tag_ids: Collection[int] | None = None


@transaction.atomic(savepoint=False)
def create(drafts: Sequence[Draft]) -> None:
    """Write new tasks. Raises RuleError when a series cannot be computed."""
    if drafts:
        task_events.record(insert(drafts))


@transaction.atomic(savepoint=False)
def write(drafts: Sequence[Draft]) -> None:
    """Write what was changed in these tasks, over their rows; nothing where nothing was.

    A copy that was read without a lock takes over from its row what it did not change. Raises DoesNotExist
    when a row has been erased meanwhile, ValueError when a task would get another user, RuleError as above.
    """
    if drafts:
        task_events.record(update(drafts))


@transaction.atomic(savepoint=False)
def erase(tasks: QuerySet[Any]) -> tuple[int, dict[str, int]]:
    """Delete these tasks with what belongs to them; tasks that refer to one of them lose the reference.

    The answer is that of Django's delete(): how many rows, and of which models.
    """
    rows = tasks.model._base_manager
    asked = list(tasks.order_by().values_list("pk", flat=True))
    referring = Q(parent_task__in=asked) | Q(generated_from__in=asked)
    locked = list(rows.filter(Q(pk__in=asked) | referring).locked().values_list("pk", flat=True))
    # Asked again under the lock: one may have been restored from the trash meanwhile.
    doomed = list(tasks.filter(pk__in=locked).order_by("pk").values_list("pk", flat=True))
    # Also a successor that was created meanwhile; from now on none can be, since that takes the lock.
    _release(rows.filter(referring).exclude(pk__in=doomed).locked(), set(doomed))
    deleted: Counter[str] = Counter()
    for pks in batches(doomed):
        deleted.update(_erase_batch(list(rows.filter(pk__in=pks).order_by("pk"))))
    return deleted.total(), dict(deleted)


def batches(pks: Sequence[int]) -> Iterator[Sequence[int]]:
    """These ids, BATCH at a time."""
    return (pks[start : start + BATCH] for start in range(0, len(pks), BATCH))


# --- the rows, without their events ------------------------------------------------------------------------


def insert(drafts: Sequence[Draft]) -> list[Change]:
    """Insert the rows of new tasks; the changes to record."""
    now = timezone.now()
    _take_from_users([task for task, _ in drafts])
    for task, tag_ids in drafts:
        task.tag_ids = sorted(set(tag_ids or ()))
        derive_new(task, now=now)
    _insert_rows([task for task, _ in drafts])
    return [Change(task, "created", VISIBLE) for task, _ in drafts]


def update(drafts: Sequence[Draft]) -> list[Change]:
    """Update the rows of tasks where they differ; the changes to record."""
    if unlocked := {task.pk: task for task, _ in drafts if task.locked_in is None}:
        _lock(unlocked)
    drafts = [*drafts, *_successors_of_undone(drafts)]
    tag_ids = {task.pk: ids for task, ids in drafts if ids is not None}
    retagged = _set_tags(tag_ids) if tag_ids else set()
    now = timezone.now()
    written: list[Any] = []
    columns: set[str] = set()
    changes: list[Change] = []
    _take_from_users([task for task, _ in drafts])
    for task, _ in drafts:
        if differing := derive(task, task.stored, now=now, retagged=task.pk in retagged):
            written.append(task)
            columns |= differing
            visible = differing & VISIBLE | ({"tag_ids"} if task.pk in retagged else set())
            if visible:
                changes.append(Change(task, task_events.kind_of(task, task.stored), visible))
        else:
            task.remember()
    if columns & TEXT:
        for task in written:
            derive_indexed(task)
        columns |= INDEXED
    if written:
        _update_rows(written, columns)
    return changes


def _take_from_users(tasks: Sequence[Any]) -> None:
    """Give tasks what they take from their user: a zone, and the start of the day of an all-day one."""
    users: dict[UUID, Any] = {}
    for task in tasks:
        starts = task.due_date is not None and (task.day_starts_at is None or _wakes(task))
        if starts or not task.timezone:
            if task.user_id not in users:
                users[task.user_id] = task.user
            user = users[task.user_id]
            task.timezone = task.timezone or user.timezone
            task.day_starts_at = user.day_starts_at if starts else task.day_starts_at


def _wakes(task: Any) -> bool:
    """Whether its reminders ring again; a new day_starts_at passed over it (tasks_app/day_starts.py)."""
    return task.stored is not None and is_silent(task.stored) and not is_silent(task)


def _lock(copies: Mapping[int, Any]) -> None:
    """Lock the rows of copies that were read without a lock, and take from them what was not changed here."""
    model = type(next(iter(copies.values())))
    rows = {row.pk: row for row in model._base_manager.filter(pk__in=copies).locked()}
    for pk, task in copies.items():
        if pk not in rows:
            raise model.DoesNotExist(f"Task {pk} has been erased.")
        task.take_over(rows[pk])


def _successors_of_undone(drafts: Sequence[Draft]) -> list[Draft]:
    """The successors, on their way into the trash, of tasks that are no longer completed or skipped.

    Only those that no one has touched. A successor's id is higher than its task's, so it is locked later.
    """
    undone = [task for task, _ in drafts if is_over(task.stored) and not is_over(task)]
    if not undone:
        return []
    given = [task.pk for task, _ in drafts]
    successors = type(undone[0])._base_manager.filter(generated_from__in=undone).exclude(pk__in=given)
    untouched = list(successors.filter(deleted_at=None, version=F("untouched_version")).locked())
    for successor in untouched:
        successor.deleted_at = timezone.now()
    return [Draft(successor) for successor in untouched]


def _release(referring: QuerySet[Any], doomed: set[int]) -> None:
    """Take away the references to tasks that are about to go: a change of those that stay."""
    tasks = list(referring)
    for task in tasks:
        task.parent_task_id = None if task.parent_task_id in doomed else task.parent_task_id
        task.generated_from_id = None if task.generated_from_id in doomed else task.generated_from_id
    write([Draft(task) for task in tasks])


def _erase_batch(tasks: Sequence[Any]) -> dict[str, int]:
    pks = [task.pk for task in tasks]
    with prepared_cursor() as cursor:
        cursor.execute("DELETE FROM task_tags WHERE task_id = ANY(%s) RETURNING task_id, tag_id", [pks])
        links = cursor.fetchall()
    tag_ids = defaultdict(list)
    for task_id, tag_id in links:
        tag_ids[task_id].append(tag_id)
    for task in tasks:
        task.tag_ids = sorted(tag_ids[task.pk])
    task_events.record_erased(tasks)
    unfinished = [task.pk for task in tasks if task.series_id is not None and not is_over(task)]
    slot_records.record_erased(unfinished, timezone.now())
    collector = Collector(using=connection.alias, origin=tasks[0])
    collector.collect(tasks)
    return collector.delete()[1]


# --- SQL: one statement and one parameter, whatever the number of rows -------------------------------------


def _insert_rows(tasks: Sequence[Any]) -> None:
    types, statement = _insert_statement(tasks[0]._meta)
    with prepared_cursor() as cursor:
        cursor.execute(statement, [_json(tasks, types)])
        for task, (pk,) in zip(tasks, cursor.fetchall(), strict=True):
            task.pk = pk
            task._state.adding, task._state.db = False, connection.alias
            task.remember()


@cache
def _insert_statement(meta: Any) -> tuple[dict[str, str], str]:
    """The columns as in _types(), and the statement that inserts rows with their tags."""
    types = _types(meta.concrete_fields) | {"tag_ids": "bigint[]"}
    others = ", ".join(column for column in types if column not in {"id", "tag_ids"})
    statement = f"""
        WITH numbered AS (
            SELECT coalesce(id, nextval(pg_get_serial_sequence('tasks', 'id'))) AS id, tag_ids, {others}
            FROM {_rows_of(types)}
        ),
        tagged AS (
            INSERT INTO task_tags (task_id, tag_id, created_at)
            SELECT id, unnest(tag_ids), created_at FROM numbered
        )
        INSERT INTO tasks (id, {others}) SELECT id, {others} FROM numbered RETURNING id
    """  # noqa: S608 - names of ours
    return types, statement


def _update_rows(tasks: Sequence[Any], columns: Collection[str]) -> None:
    """Write these columns; raises TransactionManagementError when a task's lock is not this transaction's."""
    types = _types(field for field in tasks[0]._meta.concrete_fields if field.attname in {"id", *columns})
    changes = ", ".join(f"{column} = new.{column}" for column in types if column != "id")
    # The tags are read after the lock and after their own change, so they are those of now.
    statement = f"""
        UPDATE tasks SET {changes} FROM {_rows_of(types)} WHERE tasks.id = new.id
        RETURNING tasks.id, pg_current_xact_id()::text::bigint,
            ARRAY(SELECT tag_id FROM task_tags WHERE task_id = tasks.id ORDER BY tag_id)
    """  # noqa: S608 - names of ours
    with prepared_cursor() as cursor:
        cursor.execute(statement, [_json(tasks, types)])
        written = {pk: (transaction_id, tag_ids) for pk, transaction_id, tag_ids in cursor.fetchall()}
    for task in tasks:
        transaction_id, task.tag_ids = written[task.pk]
        if task.locked_in != transaction_id:
            raise transaction.TransactionManagementError("The lock of this task ended with its transaction.")
        task.remember()


def _types(fields: Iterable["Field[Any, Any]"]) -> dict[str, str]:
    """The columns of these fields, which the attributes of a task are named after, with their types."""
    # cast_db_type: of a foreign key and of an id the plain type, not "identity".
    return {field.attname: str(field.cast_db_type(connection)) for field in fields}


def _rows_of(types: Mapping[str, str]) -> str:
    """The statement's only parameter as a table `new` of these columns."""
    columns = ", ".join(f"{column} {kind}" for column, kind in types.items())
    return f"jsonb_to_recordset(%s::jsonb) AS new ({columns})"


def _json(tasks: Sequence[Any], columns: Iterable[str]) -> str:
    rows = [{column: getattr(task, column) for column in columns} for task in tasks]
    return orjson.dumps(rows, default=str).decode()  # PostgreSQL reads what Python writes


_SET_TAGS = """
    WITH wanted AS (SELECT * FROM jsonb_to_recordset(%s::jsonb) AS wanted (task_id bigint, tag_ids bigint[])),
    removed AS (
        DELETE FROM task_tags USING wanted
        WHERE task_tags.task_id = wanted.task_id AND task_tags.tag_id <> ALL (wanted.tag_ids)
        RETURNING task_tags.task_id
    ),
    added AS (
        INSERT INTO task_tags (task_id, tag_id, created_at)
        SELECT task_id, unnest(tag_ids), %s FROM wanted
        ON CONFLICT (task_id, tag_id) DO NOTHING
        RETURNING task_id
    )
    SELECT task_id FROM removed UNION SELECT task_id FROM added
"""


def _set_tags(tag_ids: Mapping[int, Collection[int]]) -> set[int]:
    """Give each of these tasks exactly these tags; the ids of those whose tags differed."""
    wanted = [{"task_id": task_id, "tag_ids": sorted(set(ids))} for task_id, ids in tag_ids.items()]
    with prepared_cursor() as cursor:
        cursor.execute(_SET_TAGS, [orjson.dumps(wanted).decode(), timezone.now()])
        return {task_id for (task_id,) in cursor.fetchall()}
