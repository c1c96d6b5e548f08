"""Tools about recurrence: the rule of a task, what a rule would give, skipping an occurrence."""

from types import SimpleNamespace
from typing import Annotated, Any, Literal

from pydantic import Field

from chat_app.tools.refusing import refusals
from chat_app.tools.shown import shown
from chat_app.tools.tool import Arguments, Tool, ToolError, TurnContext
from chat_app.tools.values import Rule, TaskId, Time
from chat_app.tools.writing import SomeTasks, change, fields_of, operation
from recurrence.rules import local_of
from recurring_app.preview import preview
from recurring_app.preview_serializer import PreviewSerializer
from tasks_app.models import Task


class ChangeRule(Arguments):
    task_id: TaskId
    recurrence_rule: Rule | None = Field(None, description="The new rule.")
    recurrence_end: Time | None = Field(None, description="The last time at which it may recur.")
    recurrence_mode: Literal["fixed", "after_completion"] | None = Field(
        None, description="fixed: by the calendar. after_completion: counted from when it was completed."
    )
    stop: bool = Field(False, description="True takes the rule away: the task stays, and recurs no more.")


class PreviewRule(Arguments):
    recurrence_rule: Rule
    start: Annotated[str, Field(max_length=40)] | None = Field(
        None, description="A local time such as 2026-05-01T09:00, or a day, to count from. Default: now."
    )
    count: Annotated[int, Field(ge=1, le=20)] = 5


def change_rule(context: TurnContext, arguments: ChangeRule) -> dict[str, Any]:
    fields = fields_of(context, arguments)
    del fields["task_id"]
    if fields.pop("stop", False):
        if fields:
            raise ToolError.of("conflict", "Send either stop or a new rule.", "stop")
        fields = {"recurrence_rule": None}
    if not fields:
        raise ToolError.of("required", "Send recurrence_rule, recurrence_end, recurrence_mode or stop.")
    answer = change(
        context, [arguments.task_id], lambda _task: {"op": "update", "data": fields}, with_series=True
    )
    return {"task": answer["tasks"][0]}


def preview_rule(context: TurnContext, arguments: PreviewRule) -> dict[str, Any]:
    start = arguments.start or local_of(context.now, context.user.timezone).isoformat(timespec="minutes")
    data = {"rule": arguments.recurrence_rule, "start": start, "count": arguments.count}
    asked = PreviewSerializer(data=data, context={"request": SimpleNamespace(user=context.user)})
    with refusals(renamed={"rule": "recurrence_rule"}):
        asked.is_valid(raise_exception=True)
        return preview(asked.validated_data)


def skip_tasks(context: TurnContext, arguments: SomeTasks) -> dict[str, Any]:
    answer = operation("skip")(context, arguments)
    nexts = Task.objects.filter(
        user=context.user, generated_from__in=arguments.task_ids, deleted_at=None
    ).order_by("pk")
    return {"skipped": answer["tasks"], "next": shown(context.user, nexts)}


RECURRING = [
    Tool(
        "change_rule",
        "Set, change or take away the rule of a task: how it recurs.",
        ChangeRule,
        change_rule,
    ),
    Tool(
        "preview_rule",
        "The next times that a rule gives, and the rule in words. Changes nothing.",
        PreviewRule,
        preview_rule,
        scope="read",
    ),
    Tool(
        "skip_tasks",
        "Skip the open occurrence of recurring tasks: the series goes on with the next one.",
        SomeTasks,
        skip_tasks,
    ),
]
