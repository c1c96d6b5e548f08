"""What counts as a change of a task, and the events it makes.

For each task and transaction: one `task-events` event and one `task.sync`. A later change in the same
transaction amends them; deleted beats completed beats updated, by what is true at the end.
Source: docs/decisions/0003-events-of-a-task.md.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from django.utils import timezone

from events_app import outbox
from events_app.catalogue import TASK_EVENTS, TASK_UPDATES, TaskData
from events_app.models import OutboxEvent
from events_app.outbox import NewEvent
from tasks_app.rows import json_value
from tasks_app.settling import VISIBLE

if TYPE_CHECKING:
    from tasks_app.models import Task

Kind = Literal["created", "updated", "completed", "deleted"]

_BY_WEIGHT = ["updated", "created", "completed", "deleted"]
_DATA_FIELDS = [name for name in TaskData.model_fields if name != "tag_ids"]


@dataclass(frozen=True)
class Change:
    """A task as it is now, what happened to it, and the names of the visible fields that changed."""

    task: Task
    kind: Kind
    fields: Collection[str]


def change_of(task: Task) -> Change:
    """What a saved task went through, against the row it was saved over (`task.before`)."""
    before = task.before
    if before is None:
        return Change(task, "created", VISIBLE | {"tag_ids"})
    fields = [name for name in VISIBLE if getattr(task, name) != getattr(before, name)]
    kind: Kind = "updated"
    if before.deleted_at is None and task.deleted_at is not None:
        kind = "deleted"
    elif not before.completed and task.completed:
        kind = "completed"
    return Change(task, kind, fields)


def record(changes: Sequence[Change], tag_ids: dict[int, list[int]]) -> None:
    """Write the events of these changes, two for each task, with one INSERT.

    `tag_ids` are the tags of each task, by task id. Must run in the transaction of the change.
    """
    pending = _written_before(changes)
    events: list[NewEvent] = []
    for change in changes:
        data = task_data(change.task, tag_ids.get(change.task.pk, []))
        events += _events(change, data, pending)
    outbox.write(events)


def record_erased(doomed: Sequence[tuple[Task, list[int]]]) -> None:
    """Write the events of tasks whose rows are gone; each as it was, locked, with the ids of its tags.

    A task from the trash was told deleted when it went there. One created in this very transaction
    was never seen by anyone: what was told of it is taken back.
    """
    pending = pending_events([task.pk for task, _ in doomed])
    unseen = {task.pk for task, _ in doomed if pending_kind(task.pk, pending) == "created"}
    if unseen:
        outbox.unwrite([_key(topic, pk) for topic in (TASK_EVENTS, TASK_UPDATES) for pk in unseen])
    gone = [task for task, _ in doomed if task.pk not in unseen and task.deleted_at is None]
    for task in gone:
        task.version += 1
        task.deleted_at = task.updated_at = timezone.now()
    record(
        [Change(task, "deleted", ["deleted_at"]) for task in gone], {task.pk: tags for task, tags in doomed}
    )


def _written_before(changes: Sequence[Change]) -> dict[str, OutboxEvent]:
    """What this transaction has told of these tasks so far, by merge key."""
    ids = [change.task.pk for change in changes if change.kind != "created"]
    return pending_events(ids) if ids else {}


def pending_events(task_ids: Collection[int]) -> dict[str, OutboxEvent]:
    """This transaction's events of these tasks, by merge key."""
    return outbox.written_here([_key(topic, pk) for topic in (TASK_EVENTS, TASK_UPDATES) for pk in task_ids])


def pending_kind(task_id: int, pending: dict[str, OutboxEvent]) -> str | None:
    """What this transaction has told of the task so far: created, updated ...; None: nothing."""
    told = pending.get(_key(TASK_EVENTS, task_id))
    return told.data["event_type"] if told else None


def task_data(task: Task, tag_ids: Sequence[int]) -> dict[str, Any]:
    """The task as the catalogue's TaskData, in JSON values."""
    data = {name: json_value(getattr(task, name)) for name in _DATA_FIELDS}
    return data | {"tag_ids": sorted(tag_ids)}


def task_event(task: Task, data: dict[str, Any], *, event_type: str) -> dict[str, Any]:
    """The data of a `task-events` event."""
    return {
        "event_type": event_type,
        "task_id": task.pk,
        "user_id": data["user_id"],
        "task_data": data,
        "timestamp": data["updated_at"],
        "is_recurring": task.is_recurring,
        "recurrence_rule": task.recurrence_rule,
    }


def _events(change: Change, data: dict[str, Any], pending: dict[str, OutboxEvent]) -> list[NewEvent]:
    task = change.task
    kind = _merged_kind(change, pending_kind(task.pk, pending))
    told = pending.get(_key(TASK_UPDATES, task.pk))
    names = [*(told.data["changes"] if told else ()), *change.fields]
    sync = {
        "event_type": "sync",
        "task_id": task.pk,
        "user_id": data["user_id"],
        "changes": {name: data[name] for name in names},
        "timestamp": data["updated_at"],
    }
    return [
        _new(task, TASK_EVENTS, f"task.{kind}", task_event(task, data, event_type=kind)),
        _new(task, TASK_UPDATES, "task.sync", sync),
    ]


def _merged_kind(change: Change, told: str | None) -> str:
    """The one kind that is true of the task at the end of the transaction, the weightier of two.

    Whatever changes of a task in the trash, it stays deleted: its purge tells nothing more.
    """
    task = change.task
    if task.deleted_at is not None and change.kind != "created":
        return "deleted"
    still_true = {"created": True, "completed": task.completed, "deleted": task.deleted_at is not None}
    kinds = [change.kind, told if told is not None and still_true.get(told) else "updated"]
    return max(kinds, key=_BY_WEIGHT.index)


def _new(task: Task, topic: str, event_type: str, data: dict[str, Any]) -> NewEvent:
    return NewEvent(
        type=event_type,
        key=data["user_id"],
        subject=str(task.pk),
        sequence=task.version,
        data=data,
        merge_key=_key(topic, task.pk),
        time=task.updated_at,
    )


def _key(topic: str, task_id: int) -> str:
    return f"{topic}:{task_id}"
