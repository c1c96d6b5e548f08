"""Pages of the task list, without models: a task is read by one fixed statement, whatever chose it.

Half the time that Django takes to compose, read and fill the same (docs/decisions/0016-fast-requests.md).
"""

from collections import namedtuple
from collections.abc import Sequence

from django.db import connection

from tasks_app.task_serializer import ANSWERED

Row = namedtuple("Row", ANSWERED)  # type: ignore[misc] # its names are the serializer's
_ID = ANSWERED.index("id")
_TAG_IDS = "ARRAY(SELECT tag_id FROM task_tags WHERE task_id = tasks.id ORDER BY tag_id)"
_COLUMNS = ", ".join(_TAG_IDS if name == "tag_ids" else name for name in ANSWERED)
_BY_IDS = f"SELECT {_COLUMNS} FROM tasks WHERE id = ANY(%s)"  # noqa: S608 - names of ours


def rows_of(ids: Sequence[int]) -> list[Row]:
    """What is answered of these tasks, in this order; without those that have been erased meanwhile."""
    with connection.cursor() as cursor:
        cursor.execute(_BY_IDS, [list(ids)])
        rows: dict[int, Row] = {row[_ID]: row for row in map(Row._make, cursor.fetchall())}
    return [rows[pk] for pk in ids if pk in rows]
