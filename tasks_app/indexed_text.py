"""What the indexes of a task's text hold: its words. No one sees it, so it is no change of a task.

A row that an older release wrote has none until fill() computes it: the command `fill_words` at each release,
and a tick for what processes of the older release write beside this one.
"""

from json import dumps
from typing import Protocol
from uuid import UUID

from django.db import connection, transaction

from tasks_app.words import vector

# The columns that are computed here, and what from.
INDEXED = {"words"}
TEXT = {"title", "description"}


class IndexedTask(Protocol):
    """The columns of a task's text."""

    user_id: UUID
    version: int
    title: str
    description: str | None
    words: str | None


def index(task: IndexedTask) -> None:
    """Compute INDEXED from TEXT."""
    task.words = vector(task.user_id, task.version, task.title, task.description)


@transaction.atomic
def fill(count: int) -> int:
    """Compute INDEXED of at most `count` rows that have none; how many. Rows that are locked are left out."""
    with connection.cursor() as cursor:
        cursor.execute(_EMPTY, [count])
        rows = [
            {"id": pk, "words": vector(user_id, version, title, description)}
            for pk, user_id, version, title, description in cursor.fetchall()
        ]
        cursor.execute(_FILL, [dumps(rows)])
    return len(rows)


_EMPTY = """
    SELECT id, user_id, version, title, description FROM tasks WHERE words IS NULL
    ORDER BY id LIMIT %s FOR NO KEY UPDATE SKIP LOCKED
"""
_FILL = """
    UPDATE tasks SET words = new.words
    FROM jsonb_to_recordset(%s::jsonb) AS new (id bigint, words tsvector) WHERE tasks.id = new.id
"""
