"""What indexes of a task's text hold: its words, and its place in the order of titles.

No one sees them, so they are no change of a task.
"""

from typing import Protocol
from uuid import UUID

from tasks_app.title_order import title_key
from tasks_app.words import vector

# The columns that are computed here, and what from.
INDEXED = {"words", "title_key"}
TEXT = {"title", "description"}


class IndexedTask(Protocol):
    """The columns of a task's text."""

    user_id: UUID
    version: int
    title: str
    description: str | None
    words: str | None
    title_key: str | None


def index(task: IndexedTask) -> None:
    """Compute INDEXED from TEXT."""
    task.words = vector(task.user_id, task.version, task.title, task.description)
    task.title_key = title_key(task.title)
