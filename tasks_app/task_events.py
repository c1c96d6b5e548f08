"""What counts as a change of a task, and the events that are recorded of it.

For each task and transaction: one `task-events` event and one `task.sync`. A later change in the same
transaction amends them; deleted beats completed beats updated, by what is true at the end.
Source: docs/decisions/0003-events-of-a-task.md.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal
from uuid import UUID

from django.utils import timezone

from events_app import outbox
from events_app.catalogue import TASK_EVENTS, TASK_UPDATES, TaskData
from events_app.models import OutboxEvent
from events_app.outbox import NewEvent
from tasks_app.derived_fields import TaskFields, slot_state_of

Kind = Literal["created", "updated", "completed", "deleted"]

_BY_WEIGHT = ["updated", "created", "completed", "deleted"]
_DATA_FIELDS = [name for name in TaskData.model_fields if name != "tag_ids"]


@dataclass(frozen=True)
class Change:
    """A Task as it is now, what happened to it, and the names of the visible fields that changed."""

    task: Any
    kind: Kind
    fields: Collection[str]


def kind_of(task: TaskFields, before: TaskFields) -> Kind:
    """What happened to a task that was like `before`."""
    if before.deleted_at is None and task.deleted_at is not None:
        return "deleted"
    return "completed" if task.completed and not before.completed else "updated"


def record(changes: Sequence[Change]) -> None:
    """Write the events of these changes, two for each task, with one INSERT.

    Each task's `tag_ids` are those it has now. Must run in the transaction of the change.
    """
    changed_before = outbox.write_new([event for change in changes for event in _events(change, {})])
    if changed_before:
        again = [change for change in changes if _keys(change.task.pk)[0] in changed_before]
        pending = _pending_events([change.task.pk for change in again])
        outbox.write([event for change in again for event in _events(change, pending)])


def record_erased(tasks: Sequence[Any]) -> None:
    """Write the events of tasks whose rows go, each as it is under its lock, with its tags in `tag_ids`.

    Of a task in the trash the deletion was recorded when it went there. One that was created in this very
    transaction has never been seen by anyone: its events are removed.
    """
    pending = _pending_events([task.pk for task in tasks])
    earlier = {task.pk: pending.get(_keys(task.pk)[0]) for task in tasks}
    unseen = {pk for pk, event in earlier.items() if event and event.data["event_type"] == "created"}
    if unseen:
        outbox.unwrite([key for pk in unseen for key in _keys(pk)])
    gone = [task for task in tasks if task.pk not in unseen and task.deleted_at is None]
    states = {task.pk: slot_state_of(task) for task in gone}
    for task in gone:
        task.version += 1
        task.deleted_at = task.updated_at = timezone.now()
    slots = {task.pk for task in gone if slot_state_of(task) != states[task.pk]}
    changes = [
        Change(task, "deleted", ["deleted_at", *(["slot_state"] if task.pk in slots else [])])
        for task in gone
    ]
    outbox.write([event for change in changes for event in _events(change, pending)])


def task_data(task: Any) -> dict[str, Any]:
    """The task as the catalogue's TaskData, in JSON values; its tags are those in `tag_ids`.

    The state of its slot is what the API answers: of an older row the column is null.
    """
    values = {name: getattr(task, name) for name in _DATA_FIELDS}
    texts = {
        name: value.isoformat() if isinstance(value, date) else str(value)
        for name, value in values.items()
        if isinstance(value, date | UUID)
    }
    return values | texts | {"tag_ids": task.tag_ids, "slot_state": slot_state_of(task)}


def task_event(task: TaskFields, data: dict[str, Any], *, event_type: str) -> dict[str, Any]:
    """The data of a `task-events` event."""
    return {
        "event_type": event_type,
        "task_id": data["id"],
        "user_id": data["user_id"],
        "task_data": data,
        "timestamp": data["updated_at"],
        "is_recurring": task.is_recurring,
        "recurrence_rule": task.recurrence_rule,
    }


def _events(change: Change, pending: dict[str, OutboxEvent]) -> list[NewEvent]:
    task, data = change.task, task_data(change.task)
    keys = _keys(task.pk)
    earlier, earlier_sync = map(pending.get, keys)
    kind = _merged_kind(change, earlier)
    names = [*(earlier_sync.data["changes"] if earlier_sync else ()), *change.fields]
    sync = {
        "event_type": "sync",
        "task_id": task.pk,
        "user_id": data["user_id"],
        "changes": {name: data[name] for name in names},
        "timestamp": data["updated_at"],
    }
    types = {f"task.{kind}": task_event(task, data, event_type=kind), "task.sync": sync}
    return [
        NewEvent(
            type=event_type,
            key=data["user_id"],
            subject=str(task.pk),
            sequence=task.version,
            data=event_data,
            merge_key=key,
            time=task.updated_at,
        )
        for key, (event_type, event_data) in zip(keys, types.items(), strict=True)
    ]


def _merged_kind(change: Change, earlier: OutboxEvent | None) -> str:
    """The one kind that is true of the task at the end of the transaction, the weightier of two.

    Whatever changes of a task in the trash, it stays deleted: its purge records nothing more.
    """
    task = change.task
    if task.deleted_at is not None and change.kind != "created":
        return "deleted"
    still_true = {"created": True, "completed": task.completed, "deleted": task.deleted_at is not None}
    before = earlier.data["event_type"] if earlier else "updated"
    return max(change.kind, before if still_true.get(before) else "updated", key=_BY_WEIGHT.index)


def _pending_events(task_ids: Collection[int]) -> dict[str, OutboxEvent]:
    """This transaction's events of these tasks so far, by merge key."""
    if not task_ids:
        return {}
    return outbox.written_here([key for pk in task_ids for key in _keys(pk)])


def _keys(task_id: int) -> tuple[str, str]:
    """The merge keys of a task's two events."""
    return f"{TASK_EVENTS}:{task_id}", f"{TASK_UPDATES}:{task_id}"
