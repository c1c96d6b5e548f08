"""Tools about reminders: snoozing, and why one rang or did not."""

from datetime import timedelta
from typing import Annotated, Any

from django.db.models import Prefetch
from pydantic import Field

from chat_app.tools.reading import OneTask, own_task
from chat_app.tools.refusing import refusals
from chat_app.tools.shown import local_text, shown
from chat_app.tools.tool import Arguments, Tool, ToolError, TurnContext
from chat_app.tools.values import TaskIds, Time, with_offset
from chat_app.tools.writing import refuse_unknown
from notifications_app.models import Delivery, Reminder
from notifications_app.trace import why, why_planned
from tasks_app.exceptions import refuse_trash
from tasks_app.models import Task
from tasks_app.reminding import is_silent
from tasks_app.serializers import LONGEST_SNOOZE_MINUTES, SnoozeSerializer
from tasks_app.services import end_snooze, snooze_task

_NEWEST = 5


class Snooze(Arguments):
    task_ids: TaskIds
    until: Time | None = Field(None, description="When it rings again.")
    minutes: Annotated[int, Field(ge=1, le=LONGEST_SNOOZE_MINUTES)] | None = Field(
        None, description="Instead of until: minutes from now."
    )
    end: bool = Field(False, description="True ends the snooze.")


def snooze_tasks(context: TurnContext, arguments: Snooze) -> dict[str, Any]:
    if sum([arguments.until is not None, arguments.minutes is not None, arguments.end]) != 1:
        raise ToolError.of("conflict", "Send one of until, minutes and end.", "until")
    until = _until(context, arguments)
    ids = list(dict.fromkeys(arguments.task_ids))
    with context.changes.recording(context.user, ids) as tasks, refusals():
        refuse_unknown(ids, tasks)
        for pk in ids:
            task = refuse_trash(tasks[pk])
            if is_silent(task):
                raise ToolError.of("not_open", f"Task {pk} is not open, so it cannot be snoozed.", "task_ids")
            _snoozed = end_snooze(task) if until is None else snooze_task(task, until=until)
    found = Task.objects.filter(user=context.user, pk__in=ids).order_by("pk")
    return {"tasks": shown(context.user, found)}


def why_reminder(context: TurnContext, arguments: OneTask) -> dict[str, Any]:
    task = own_task(context.user, arguments.task_id)
    deliveries = Delivery.objects.order_by("pk").prefetch_related("attempts")
    newest = Reminder.objects.filter(task=task).select_related("task").order_by("-claimed_at")
    zone = context.user.timezone
    return {
        "task": {"id": task.pk, "title": task.title},
        "planned": why_planned(task, zone),
        "reminders": [
            {
                "at": local_text(reminder.reminder_at, zone),
                "state": reminder.state,
                "why": why(reminder, zone),
            }
            for reminder in newest.prefetch_related(Prefetch("deliveries", deliveries))[:_NEWEST]
        ],
    }


def _until(context: TurnContext, arguments: Snooze) -> Any:
    """When it rings again, as an instant; None ends the snooze."""
    if arguments.end:
        return None
    if arguments.minutes is not None:
        return context.now + timedelta(minutes=arguments.minutes)
    asked = SnoozeSerializer(
        data={"until": with_offset(str(arguments.until), context.user.timezone, "until")}
    )
    with refusals():
        asked.is_valid(raise_exception=True)
    return asked.validated_data["until"]


REMINDING = [
    Tool(
        "snooze_tasks",
        "No reminder of these tasks until a time, and one at that time. Or end a snooze.",
        Snooze,
        snooze_tasks,
    ),
    Tool(
        "why_reminder",
        "Why the reminders of a task rang or did not, and when it rings next, in sentences.",
        OneTask,
        why_reminder,
        scope="read",
    ),
]
