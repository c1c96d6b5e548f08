"""What the outbox and the table of tasks hold: read by the tests of events."""

from collections.abc import Iterator
from contextlib import contextmanager

from events_app.models import OutboxEvent
from tasks_app.models import Task


class Recorded:
    """The events written inside a `with recorded():` block, in the order of the outbox."""

    def __init__(self) -> None:
        self.events: list[OutboxEvent] = []

    @property
    def of_tasks(self) -> list[OutboxEvent]:
        """Without those of tags and priorities."""
        return [e for e in self.events if e.topic in ("task-events", "task-updates")]

    @property
    def types(self) -> list[tuple[str, int]]:
        """(type, task id) of the events on task-events."""
        return [(e.type, int(e.subject)) for e in self.events if e.topic == "task-events"]

    @property
    def synced(self) -> list[tuple[int, list[str]]]:
        """(task id, names of the changed fields) of the events on task-updates."""
        return [(int(e.subject), sorted(e.data["changes"])) for e in self.events if e.topic == "task-updates"]

    def data(self, task_id: int) -> dict:
        (event,) = [e for e in self.events if e.topic == "task-events" and e.subject == str(task_id)]
        return event.data["task_data"]


@contextmanager
def recorded() -> Iterator[Recorded]:
    last = OutboxEvent.objects.order_by("-id").values_list("id", flat=True).first() or 0
    found = Recorded()
    yield found
    found.events = list(OutboxEvent.objects.filter(id__gt=last).order_by("id"))


def fresh(task: Task) -> Task:
    """The task as its row is now."""
    return Task.objects.get(pk=task.pk)
