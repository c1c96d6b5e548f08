"""The catalogue: every event as a typed schema. What is not here cannot be written.

Source: docs/architecture.md, "Events". The values on the wire are CloudEvents 1.0 (structured JSON);
this module holds their `type`, their topic and their `data`.
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, ValidationError, create_model


class UnknownEventError(ValueError):
    """The type is not in the catalogue, or the data does not fit its schema."""


class _Schema(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TaskData(_Schema):
    """Every field of a task as the API answers it, and what identifies its series."""

    id: int
    user_id: UUID
    external_id: str | None = None
    title: str
    description: str | None
    completed: bool
    completed_at: datetime | None
    color: str
    pinned: bool
    archived: bool
    deleted_at: datetime | None
    all_day: bool = False
    due_date: date | None = None
    due_at: datetime | None
    reminder_at: datetime | None
    reminder_offsets: list[int]
    reminder_sent: bool
    snoozed_until: datetime | None
    rings_in_quiet_hours: bool = False
    is_recurring: bool
    recurrence_rule: str | None
    recurrence_end: datetime | None
    recurrence_mode: Literal["fixed", "after_completion"]
    timezone: str
    occurrence_at: datetime | None
    parent_task_id: int | None
    recurring_task_id: int | None
    priority_id: int
    tag_ids: list[int]
    series_id: UUID | None
    # Wall-clock time without zone: it is read in `timezone`.
    anchor_local: datetime | None
    # Whether the occurrences of the series are due, whether on a day, and the minutes by the wall clock from
    # one to its reminder_at. All null in events of an earlier version.
    series_has_due: bool | None = None
    series_all_day: bool | None = None
    reminder_distance: int | None = None
    # Null without a slot, and in events that were written before there was this field.
    slot_state: Literal["open", "moved", "done", "skipped", "deleted"] | None = None
    version: int
    created_at: datetime
    updated_at: datetime


if TYPE_CHECKING:
    TaskChanges = TaskData
else:
    TaskChanges = create_model(
        "TaskChanges",
        __base__=_Schema,
        __doc__="The fields of a task that changed, as they are right after; the others are not there.",
        **{name: (field.annotation, None) for name, field in TaskData.model_fields.items()},
    )


class TaskChanged(_Schema):
    """`task-events`: what happened to a task, with the whole task as it was right after."""

    event_type: Literal["created", "updated", "completed", "deleted", "due.approaching"]
    task_id: int
    user_id: UUID
    task_data: TaskData
    timestamp: datetime
    is_recurring: bool
    recurrence_rule: str | None


class TaskSync(_Schema):
    """`task-updates`: only what changed, for the user's other devices."""

    event_type: Literal["sync"]
    task_id: int
    user_id: UUID
    changes: TaskChanges
    timestamp: datetime


class ReminderDue(_Schema):
    """`reminders`: a reminder came due. It carries no push keys: secrets do not go to Kafka."""

    task_id: int
    user_id: UUID
    title: str
    reminder_at: datetime
    due_at: datetime | None


class TagChanged(_Schema):
    """`tag-events`: a user's tag as it is, or was when it was deleted."""

    event_type: Literal["created", "updated", "deleted"]
    id: int
    user_id: UUID
    name: str
    color: str


class PriorityChanged(_Schema):
    """`tag-events`: a priority as it is, or was when it was deleted. Priorities belong to no user."""

    event_type: Literal["created", "updated", "deleted"]
    id: int
    name: str
    level: int
    color: str


@dataclass(frozen=True)
class EventKind:
    """Where an event of one type goes and what its data look like."""

    topic: str
    schema: type[_Schema]


TASK_EVENTS = "task-events"
TASK_UPDATES = "task-updates"
REMINDERS = "reminders"
# Compacted: of each key Kafka keeps the last event, and nothing after a deletion.
TAG_EVENTS = "tag-events"
# Events that could not be handled are on the topic with this suffix.
DEAD_LETTERS = ".dlq"

CATALOGUE: dict[str, EventKind] = {
    "task.created": EventKind(TASK_EVENTS, TaskChanged),
    "task.updated": EventKind(TASK_EVENTS, TaskChanged),
    "task.completed": EventKind(TASK_EVENTS, TaskChanged),
    "task.deleted": EventKind(TASK_EVENTS, TaskChanged),
    "task.due.approaching": EventKind(TASK_EVENTS, TaskChanged),
    "task.sync": EventKind(TASK_UPDATES, TaskSync),
    "reminder.due": EventKind(REMINDERS, ReminderDue),
    "tag.created": EventKind(TAG_EVENTS, TagChanged),
    "tag.updated": EventKind(TAG_EVENTS, TagChanged),
    "tag.deleted": EventKind(TAG_EVENTS, TagChanged),
    "priority.created": EventKind(TAG_EVENTS, PriorityChanged),
    "priority.updated": EventKind(TAG_EVENTS, PriorityChanged),
    "priority.deleted": EventKind(TAG_EVENTS, PriorityChanged),
}
# A tombstone of its key follows each of these, a message without a value: compaction then removes both.
BURIED_BY_A_TOMBSTONE = {"tag.deleted", "priority.deleted"}


def kind_of(event_type: str) -> EventKind:
    """The catalogue's entry. Raises UnknownEventError, naming the types there are."""
    try:
        return CATALOGUE[event_type]
    except KeyError:
        raise UnknownEventError(f"{event_type!r} is not in the catalogue: {', '.join(CATALOGUE)}.") from None


def parse(event_type: str, data: dict[str, Any]) -> _Schema:
    """The data as its schema's object. Raises UnknownEventError naming what does not fit."""
    try:
        return kind_of(event_type).schema.model_validate(data)
    except ValidationError as error:
        raise UnknownEventError(f"{event_type} does not fit the catalogue: {error}") from error
