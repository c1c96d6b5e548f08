"""What tasks and tags were like before a turn changed them, as JSON that an undo can set back."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, time
from typing import Any
from uuid import UUID

from django.db.models import Q

from accounts_app.models import User
from chat_app.models import Change, Turn
from tasks_app.derived_fields import VISIBLE
from tasks_app.models import COLUMNS, Tag, Task, TaskTag

Action = Change.Action
# What an undo cannot set, or must not: who it is, and what each write gives again.
_NOT_SET = {"id", "user_id", "created_at", "updated_at", "version", "untouched_version", "slot_state"}
SNAPSHOT = [name for name in COLUMNS if name not in {"id", "user_id", "created_at", "updated_at"}]
# What the scan of reminders keeps beside the fields that others see. It goes with the reminders.
RINGING = ("reminded_until", "due_announced_for", "day_starts_at")
SET_BACK = [name for name in COLUMNS if name not in _NOT_SET and (name in VISIBLE or name in RINGING)]


@dataclass(frozen=True)
class Changed:
    """A change of this call: `before` is null for what was not there, `after` is what it is like now."""

    kind: str
    object_id: int
    action: str
    before: dict[str, Any] | None
    after: dict[str, Any]
    was_asked: bool = True

    @property
    def version_after(self) -> int:
        return int(self.after["version"])


@dataclass
class Changes:
    """What one call changes, in order."""

    made: list[Changed] = field(default_factory=list)

    @contextmanager
    def recording(
        self, user: User, task_ids: Collection[int] = (), *, with_series: bool = False
    ) -> Iterator[dict[int, Task]]:
        """Lock these tasks of the user and record what the block does to them and to what follows them.

        Gives the user's tasks among them, by id. `with_series`: the other open occurrences may change too.
        Locks all in one statement, in the one order of locks. Runs in the transaction of the change.
        """
        mine = Task.objects.filter(user=user)
        wanted = Q(pk__in=task_ids) | Q(generated_from__in=task_ids)
        if with_series:
            wanted |= Q(pk__in=list(mine.open_in_series_of(task_ids).values_list("pk", flat=True)))
        locked = {task.pk: task for task in mine.filter(wanted).locked()}
        before = _tasks_as_json(locked.values())
        yield {pk: task for pk, task in locked.items() if pk in task_ids}
        after = _tasks_as_json(mine.filter(Q(pk__in=locked) | Q(generated_from__in=task_ids)).order_by("pk"))
        asked = [pk for pk in task_ids if pk in after]
        for pk in dict.fromkeys([*asked, *after]):
            action = _action(before.get(pk), after[pk])
            if action is not None:
                self.made.append(
                    Changed("task", pk, action, before.get(pk), after[pk], was_asked=pk in task_ids)
                )

    def created(self, tasks: Collection[int]) -> None:
        """Record tasks that this call has created, in the order of their ids."""
        for pk, after in _tasks_as_json(Task.objects.filter(pk__in=tasks).order_by("pk")).items():
            self.made.append(Changed("task", pk, Action.CREATED, None, after))

    @contextmanager
    def recording_tags(self, user: User) -> Iterator[None]:
        """Record which tags the block makes, renames or gives another colour."""
        before = _tags_as_json(user)
        yield
        for pk, after in _tags_as_json(user).items():
            if pk not in before:
                self.made.append(Changed("tag", pk, Action.CREATED, None, after, was_asked=False))
            elif before[pk]["version"] != after["version"]:
                self.made.append(Changed("tag", pk, Action.UPDATED, before[pk], after))

    def save(self, turn: Turn) -> None:
        """Write them as rows of the turn, after those that it has."""
        position = turn.changes.count()
        Change.objects.bulk_create(
            Change(
                turn=turn,
                position=position + number,
                kind=one.kind,
                action=one.action,
                object_id=one.object_id,
                was_asked=one.was_asked,
                before=one.before,
                version_after=one.version_after,
            )
            for number, one in enumerate(self.made)
        )

    @property
    def asked(self) -> set[tuple[str, int]]:
        """The tasks and tags that were asked for, by kind and id: what counts as a step."""
        return {(one.kind, one.object_id) for one in self.made if one.was_asked}


def columns_of(snapshot: dict[str, Any]) -> dict[str, Any]:
    """The columns of a task that an undo sets back, in the types of the model."""
    fields = {one.attname: one for one in Task._meta.concrete_fields}
    return {name: fields[name].to_python(snapshot[name]) for name in SET_BACK if name in snapshot}


def _tasks_as_json(tasks: Any) -> dict[int, dict[str, Any]]:
    rows = list(tasks)
    tags = TaskTag.objects.ids_by_task([task.pk for task in rows])
    return {
        task.pk: {name: _as_json(getattr(task, name)) for name in SNAPSHOT} | {"tag_ids": tags[task.pk]}
        for task in rows
    }


def _tags_as_json(user: User) -> dict[int, dict[str, Any]]:
    rows = Tag.objects.filter(user=user).values_list("pk", "name", "color", "version")
    return {pk: {"name": name, "color": color, "version": version} for pk, name, color, version in rows}


def _as_json(value: Any) -> Any:
    if isinstance(value, date | datetime | time):
        return value.isoformat()
    return str(value) if isinstance(value, UUID) else value


def _action(before: dict[str, Any] | None, after: dict[str, Any]) -> str | None:
    """What happened; None if nothing did."""
    if before is None:
        return Action.CREATED
    if before["version"] == after["version"]:
        return None
    if bool(before["deleted_at"]) != bool(after["deleted_at"]):
        return Action.DELETED if after["deleted_at"] else Action.RESTORED
    if before["completed"] != after["completed"]:
        return Action.COMPLETED if after["completed"] else Action.REOPENED
    return Action.UPDATED
