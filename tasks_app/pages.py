"""Reads of tasks by fixed statements: a page of the list and one task, without models; one under its lock.

Django needs as long to compose such a statement and to fill models as all the rest of the request takes
(docs/decisions/0023-what-a-request-costs.md).
"""

from collections import namedtuple
from collections.abc import Sequence
from typing import Any

from django.db import connection

from database.prepared import prepared_cursor
from tasks_app.models import COLUMNS, Task
from tasks_app.task_serializer import READ

Row = namedtuple("Row", READ)  # type: ignore[misc] # its names are the serializer's
_ID = READ.index("id")
_TAG_IDS = "ARRAY(SELECT tag_id FROM task_tags WHERE task_id = tasks.id ORDER BY tag_id)"
_COLUMNS = ", ".join(_TAG_IDS if name == "tag_ids" else name for name in READ)
_BY_IDS = f"SELECT {_COLUMNS} FROM tasks WHERE id = ANY(%s)"  # noqa: S608 - names of ours
_OF_USER = f"SELECT {_COLUMNS} FROM tasks WHERE id = %s AND user_id = %s"  # noqa: S608 - names of ours
_LOCKED = f"""
    SELECT pg_current_xact_id()::text::bigint, {", ".join(COLUMNS)} FROM tasks WHERE id = %s AND user_id = %s
    FOR NO KEY UPDATE
"""  # noqa: S608 - names of ours

DIGITS_OF_ID = 18  # one digit less than the largest bigint has


def rows_of(ids: Sequence[int]) -> list[Row]:
    """The answered columns of these tasks, in this order; without those that have been erased meanwhile."""
    with prepared_cursor() as cursor:
        cursor.execute(_BY_IDS, [list(ids)])
        rows: dict[int, Row] = {row[_ID]: row for row in map(Row._make, cursor.fetchall())}
    return [rows[pk] for pk in ids if pk in rows]


def row_of(pk: str, *, user_id: Any) -> Row | None:
    """The answered columns of this task; None if the user has no such task. `pk`: digits, of any length."""
    if len(pk) > DIGITS_OF_ID:
        return None
    with prepared_cursor() as cursor:
        cursor.execute(_OF_USER, [int(pk), user_id])
        row = cursor.fetchone()
    return row and Row._make(row)


def locked_task(pk: str, *, user_id: Any, with_series: bool = False) -> Task | None:
    """This task as TaskQuerySet.locked() reads it, or None as above.

    `with_series`: the other open occurrences of its series are locked too, in the order of locks.
    """
    if len(pk) > DIGITS_OF_ID:
        return None
    if with_series:
        mine = Task.objects.filter(user=user_id)
        list(mine.open_in_series_of([int(pk)]).locked().values_list("pk"))
    with prepared_cursor() as cursor:
        cursor.execute(_LOCKED, [int(pk), user_id])
        row = cursor.fetchone()
    if row is None:
        return None
    task = Task.from_db(connection.alias, COLUMNS, row[1:])
    task.locked_in = row[0]
    return task
