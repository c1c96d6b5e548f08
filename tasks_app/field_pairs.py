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
    both = [pair for pair in _NAMES_AND_IDS if attrs.keys() >= set(pair)]
    left_out = {_unchanged(attrs, task, *pair) for pair in both}
    settled = {name: value for name, value in attrs.items() if name not in left_out}
    if task is not None and set(attrs) >= set(_EMPTY):
        changed = [name for name in _EMPTY if attrs[name] != getattr(task, name)]
        if len(changed) == 1 and attrs[changed[0]]:
            settled |= {name: empty for name, empty in _EMPTY.items() if name not in changed}
    return settled


def settle_due(attrs: dict[str, Any], task: Task | None) -> dict[str, Any]:
    """The validated fields with due_date and due_at as they become, if one was sent.

    A new due_at makes the task timed; null in one of them removes both. Raises ValidationError (400) if both
    are new.
    """
    if not {"due_date", "due_at"} & set(attrs):
        return attrs
    stored = (task.due_date, task.due_at) if task is not None else (None, None)
    if "due_at" not in attrs:
        return attrs | {"due_at": None}
    if "due_date" not in attrs:
        return attrs | {"due_date": stored[0] if attrs["due_at"] == stored[1] else None}
    new_date, new_time = attrs["due_date"] != stored[0], attrs["due_at"] != stored[1]
    if new_date and new_time and attrs["due_date"] is not None and attrs["due_at"] is not None:
        message = "Send due_date or due_at: a task is due on a day, or at a time."
        raise serializers.ValidationError({"due_date": [message]}, code="conflict")
    if new_date:
        return attrs | {"due_at": attrs["due_at"] if new_time else None}
    return attrs | ({"due_date": None} if new_time else {})


_NAMES_AND_IDS = [("priority", "priority_id"), ("tags", "tag_ids")]


def _unchanged(attrs: dict[str, Any], task: Task | None, name: str, by_id: str) -> str:
    """Which of the two to leave out. Raises ValidationError (400) if both differ."""
    if task is not None and not task._state.adding:  # a bulk may name one that it creates
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
