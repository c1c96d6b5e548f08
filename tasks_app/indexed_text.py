"""What the index of a task's text holds: its words. No one sees it, so it is no change of a task."""

from typing import Protocol
from uuid import UUID

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
