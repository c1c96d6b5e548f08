"""Completing a task of a series creates its next occurrence: the `recurring` group."""

from events_app.catalogue import TaskChanged
from events_app.envelope import Event
from events_app.groups import handles
from tasks_app.occurrences import create_next_occurrence


def is_of_a_series(event: Event) -> bool:
    return event.data["recurrence_rule"] is not None


@handles("task.completed", group="recurring", only_if=is_of_a_series)
def on_completed(event: Event) -> None:
    create_next_occurrence(TaskChanged.model_validate(event.data).task_data)
