"""Many tasks at once, for tests that need them there."""

from collections.abc import Iterable

from tasks_app import task_writes
from tasks_app.models import Tag, Task
from tasks_app.task_writes import Draft


def create_many(tasks: Iterable[Task], *, tags: Iterable[Tag] = ()) -> list[Task]:
    """Write these new tasks, each with these tags."""
    made, tag_ids = list(tasks), [tag.pk for tag in tags]
    task_writes.create([Draft(task, tag_ids) for task in made])
    return made
