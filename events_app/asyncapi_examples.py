"""An event of each type for docs/asyncapi.yaml: alice waters the plants, daily."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from events_app.catalogue import TASK_EVENTS, TASK_UPDATES, kind_of
from events_app.envelope import Event, to_wire

_USER = "0197a5e2-8c11-7d20-9a3b-3f2a6f1f7c55"
_CREATED, _CHANGED = "2030-05-01T06:00:00Z", "2030-05-01T07:02:11Z"
_TASK: dict[str, Any] = {
    "id": 7,
    "user_id": _USER,
    "title": "Water the plants",
    "description": None,
    "completed": False,
    "completed_at": None,
    "color": "green",
    "pinned": False,
    "archived": False,
    "deleted_at": None,
    "due_at": "2030-05-01T07:00:00Z",
    "reminder_at": None,
    "reminder_offsets": [30],
    "reminder_sent": True,
    "snoozed_until": None,
    "is_recurring": True,
    "recurrence_rule": "daily",
    "recurrence_end": None,
    "recurrence_mode": "fixed",
    "timezone": "Europe/Berlin",
    "occurrence_at": "2030-05-01T07:00:00Z",
    "parent_task_id": None,
    "recurring_task_id": None,
    "priority_id": 2,
    "tag_ids": [3],
    "series_id": "0197a5e2-8c40-7bb1-8d0a-5b7f0f2f9d10",
    "anchor_local": "2030-05-01T09:00:00",
    "version": 4,
    "created_at": _CREATED,
    "updated_at": _CHANGED,
}
_AFTER: dict[str, dict[str, Any]] = {
    "task.completed": {"completed": True, "completed_at": _CHANGED},
    "task.deleted": {"deleted_at": _CHANGED},
}


def example_of(event_type: str) -> dict[str, Any]:
    """An event of this type as it is on the wire."""
    return to_wire(
        Event(
            id=UUID("0197a5e4-11aa-7f03-b0c2-90d4f6a1e7b8"),
            topic=kind_of(event_type).topic,
            type=event_type,
            key=_USER,
            subject="7",
            sequence=4,
            time=datetime(2030, 5, 1, 7, 2, 11, tzinfo=UTC),
            data=_data(event_type),
            request_id="5f0c8c1e7a3b4d0f",
        )
    )


def _data(event_type: str) -> dict[str, Any]:
    topic = kind_of(event_type).topic
    common = {"task_id": 7, "user_id": _USER}
    if topic == TASK_UPDATES:
        changes = {"completed": True, "completed_at": _CHANGED, "updated_at": _CHANGED, "version": 4}
        return {**common, "event_type": "sync", "changes": changes, "timestamp": _CHANGED}
    if topic != TASK_EVENTS:
        due = {"reminder_at": "2030-05-01T06:30:00Z", "due_at": "2030-05-01T07:00:00Z"}
        return {**common, "title": "Water the plants", **due}
    return {
        **common,
        "event_type": event_type.removeprefix("task."),
        "task_data": _TASK | _AFTER.get(event_type, {}),
        "timestamp": _CHANGED,
        "is_recurring": True,
        "recurrence_rule": "daily",
    }
