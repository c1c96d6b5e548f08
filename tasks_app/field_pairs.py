"""Two fields for the same thing, such as `priority` and `priority_id`: a body sets one of them.

Both are allowed where at most one differs from the stored task, so that a client can read it, set either of
the two, and send everything back.
"""

from typing import Any

from rest_framework import serializers

from tasks_app.models import Tag, Task

_EMPTY: dict[str, Any] = {"reminder_at": None, "reminder_offsets": []}


def settle_pairs(attrs: dict[str, Any], task: Task | None) -> dict[str, Any]:
    """The validated fields with one of each pair; `task` is the stored one, None for a new task.

    Raises ValidationError (400) if both differ.
    """
    left_out = {_unchanged(attrs, task, name, by_id) for name, by_id in _NAMES_AND_IDS if name in attrs}
    settled = {name: value for name, value in attrs.items() if name not in left_out}
    if task is not None and set(attrs) >= set(_EMPTY):
        changed = [name for name in _EMPTY if attrs[name] != getattr(task, name)]
        if len(changed) == 1 and attrs[changed[0]]:
            settled |= {name: empty for name, empty in _EMPTY.items() if name not in changed}
    return settled


_NAMES_AND_IDS = [("priority", "priority_id"), ("tags", "tag_ids")]


def _unchanged(attrs: dict[str, Any], task: Task | None, name: str, by_id: str) -> str | None:
    """Which of the two to leave out; None if only the name was sent."""
    if by_id not in attrs:
        return None
    if task is not None:
        if attrs[by_id] == (task.priority_id if name == "priority" else _tags_of(task)[0]):
            return by_id
        if name == "tags" and set(attrs["tags"]) == _tags_of(task)[1]:
            return name
        if name == "priority" and attrs["priority"] == task.priority_id:
            return name
    message = f"Send {name} or {by_id}, not both."
    raise serializers.ValidationError({name: [message]}, code="conflict")


def _tags_of(task: Task) -> tuple[set[int], set[str]]:
    """The ids and the names of its tags."""
    rows = dict(Tag.objects.filter(task_tags__task=task).values_list("pk", "name"))
    return set(rows), set(rows.values())
