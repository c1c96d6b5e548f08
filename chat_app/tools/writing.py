"""Tools that create and change tasks: operations of a bulk, with the same checks as POST /api/tasks/bulk."""

from collections.abc import Callable, Sequence
from datetime import datetime, time
from types import SimpleNamespace
from typing import Annotated, Any

from pydantic import Field

from chat_app.tools.refusing import refusals
from chat_app.tools.shown import shown
from chat_app.tools.tool import Arguments, Tool, ToolError, TurnContext
from chat_app.tools.values import (
    Day,
    Description,
    Offsets,
    PriorityName,
    Rule,
    TagNames,
    TaskIds,
    Time,
    Title,
    with_offset,
)
from recurrence.rules import local_of
from tasks_app.bulk import Bulk
from tasks_app.models import Task

_TIMES = ("due_at", "reminder_at", "recurrence_end")
Color = Annotated[str, Field(max_length=20, description="A name of a colour of the client's, or default.")]


class NewTask(Arguments):
    title: Title
    description: Description | None = None
    due_at: Time | None = None
    due_date: Day | None = None
    reminder_at: Time | None = None
    reminder_offsets: Offsets | None = None
    recurrence_rule: Rule | None = None
    recurrence_end: Time | None = None
    priority: PriorityName | None = None
    tags: TagNames | None = Field(None, description="Names of tags. New ones are made.")
    color: Color | None = None
    pinned: bool | None = None


class CreateTasks(Arguments):
    tasks: Annotated[list[NewTask], Field(min_length=1, max_length=50)]


class UpdateTasks(Arguments):
    task_ids: TaskIds
    title: Title | None = Field(None, description="Of one task only.")
    description: Description | None = Field(None, description='Of one task only; "" removes it.')
    priority: PriorityName | None = None
    reminder_at: Time | None = None
    reminder_offsets: Offsets | None = None
    rings_in_quiet_hours: bool | None = None
    color: Color | None = None
    pinned: bool | None = None
    archived: bool | None = None


class Reschedule(Arguments):
    task_ids: TaskIds
    to_day: Day | None = Field(
        None,
        description="The new day. A task with a time keeps its time of day, an all-day task stays all-day.",
    )
    to_time: Time | None = Field(None, description="The new due time.")
    remove: bool = Field(False, description="True takes the due date away.")


class SomeTasks(Arguments):
    task_ids: TaskIds


def create_tasks(context: TurnContext, arguments: CreateTasks) -> dict[str, Any]:
    operations = [
        {"op": "create", "data": fields_of(context, task, place=f"tasks.{number}.")}
        for number, task in enumerate(arguments.tasks)
    ]
    with context.changes.recording_tags(context.user):
        ids = _run(context, operations)
    context.changes.created(ids)
    return {"created": shown(context.user, _tasks(context, ids))}


def update_tasks(context: TurnContext, arguments: UpdateTasks) -> dict[str, Any]:
    fields = fields_of(context, arguments)
    if len(arguments.task_ids) > 1 and (single := fields.keys() & {"title", "description"}):
        raise ToolError.of("one_task_only", "Name one task only to change this.", min(single))
    if not fields:
        raise ToolError.of("required", "Say what to change: send at least one field beside task_ids.")
    if fields.get("description") == "":
        fields["description"] = None
    return change(context, arguments.task_ids, lambda _task: {"op": "update", "data": fields})


def reschedule_tasks(context: TurnContext, arguments: Reschedule) -> dict[str, Any]:
    ways = [arguments.to_day is not None, arguments.to_time is not None, arguments.remove]
    if sum(ways) != 1:
        raise ToolError.of("conflict", "Send one of to_day, to_time and remove.", "to_day")

    def moved(task: Task) -> dict[str, Any]:
        return {"op": "update", "data": _new_due(context, arguments, task)}

    return change(context, arguments.task_ids, moved)


def operation(op: str) -> Callable[[TurnContext, SomeTasks], dict[str, Any]]:
    """The tool that does this operation of a bulk to each task."""

    def run(context: TurnContext, arguments: SomeTasks) -> dict[str, Any]:
        return change(context, arguments.task_ids, lambda _task: {"op": op})

    return run


def change(
    context: TurnContext,
    task_ids: Sequence[int],
    operation_of: Callable[[Task], dict[str, Any]],
    *,
    with_series: bool = False,
) -> dict[str, Any]:
    """Do one operation to each of these tasks; the tasks as they are then. All of them, or none."""
    ids = list(dict.fromkeys(task_ids))
    with context.changes.recording(context.user, ids, with_series=with_series) as tasks:
        refuse_unknown(ids, tasks)
        _run(context, [operation_of(tasks[pk]) | {"id": pk} for pk in ids])
    return {"tasks": shown(context.user, _tasks(context, ids))}


def refuse_unknown(ids: Sequence[int], tasks: dict[int, Task]) -> None:
    """Raise ToolError naming the ids that are no tasks of the user's."""
    if unknown := [pk for pk in ids if pk not in tasks]:
        which = ", ".join(map(str, unknown))
        raise ToolError.of(
            "not_found", f"You have no task {which}. Find the right id with list_tasks.", "task_ids"
        )


def fields_of(context: TurnContext, arguments: Arguments, place: str = "") -> dict[str, Any]:
    """The fields of a task that the call names, as the API takes them."""
    fields = {
        name: value
        for name, value in arguments.model_dump(exclude_unset=True).items()
        if value is not None and name != "task_ids"
    }
    for name in _TIMES:
        if name in fields:
            fields[name] = with_offset(fields[name], context.user.timezone, f"{place}{name}")
    return fields


def _new_due(context: TurnContext, arguments: Reschedule, task: Task) -> dict[str, Any]:
    if arguments.remove:
        return {"due_at": None}
    if arguments.to_time is not None:
        return {"due_at": with_offset(arguments.to_time, context.user.timezone, "to_time")}
    if task.due_at is None or task.all_day:
        return {"due_date": arguments.to_day}
    of_day = local_of(task.due_at, task.timezone).time()
    return {"due_at": _at(str(arguments.to_day), of_day, task.timezone)}


def _at(day: str, of_day: time, zone: str) -> str:
    try:
        local = datetime.combine(datetime.strptime(day, "%Y-%m-%d"), of_day)  # noqa: DTZ007
    except ValueError:
        raise ToolError.of("invalid", "Write a day of the calendar, such as 2026-05-01.", "to_day") from None
    return with_offset(local.isoformat(), zone, "to_day")


def _run(context: TurnContext, operations: Sequence[dict[str, Any]]) -> list[int]:
    """Run a bulk; the ids of the tasks. Raises ToolError, and then nothing is changed."""
    # As a view gives it: serializers read the user of the request.
    bulk = Bulk(context.user, context={"request": SimpleNamespace(user=context.user)})
    with refusals(operations):
        results = bulk.run(operations, atomic=True)
    return [result["id"] for result in results]


def _tasks(context: TurnContext, ids: Sequence[int]) -> list[Task]:
    found = Task.objects.filter(user=context.user).in_bulk(ids)
    return [found[pk] for pk in ids if pk in found]


WRITING = [
    Tool(
        "create_tasks",
        "Create tasks. A task is due at a time (due_at) or on a day (due_date). A rule makes it recur.",
        CreateTasks,
        create_tasks,
    ),
    Tool(
        "update_tasks",
        "Change fields of tasks. Due dates: reschedule_tasks. Rules: change_rule. Tags: tag_tasks.",
        UpdateTasks,
        update_tasks,
    ),
    Tool(
        "reschedule_tasks",
        "Move tasks to another day or time. Of a recurring task only this occurrence moves, never its rule.",
        Reschedule,
        reschedule_tasks,
    ),
    Tool(
        "complete_tasks",
        "Complete tasks. A recurring one gets its next occurrence.",
        SomeTasks,
        operation("complete"),
    ),
    Tool("reopen_tasks", "Open completed tasks again.", SomeTasks, operation("reopen")),
    Tool(
        "delete_tasks",
        "Move tasks to the trash, from where they can be restored for 30 days.",
        SomeTasks,
        operation("delete"),
        is_destructive=True,
    ),
    Tool("restore_tasks", "Take tasks out of the trash.", SomeTasks, operation("restore")),
]
