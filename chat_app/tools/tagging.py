"""Tools about tags."""

from types import SimpleNamespace
from typing import Any

from django.db.models import Count, Q
from pydantic import Field

from chat_app.tools.refusing import refusals
from chat_app.tools.shown import DATA_ONLY
from chat_app.tools.tool import Arguments, Tool, ToolError, TurnContext
from chat_app.tools.values import TagName, TagNames, TaskIds
from chat_app.tools.writing import change
from tasks_app.models import Tag, Task, TaskTag
from tasks_app.serializers import TagSerializer
from tasks_app.visible import key_of_name

MOST_TAGS = 500


class NoArguments(Arguments):
    pass


class TagTasks(Arguments):
    task_ids: TaskIds
    add: TagNames = Field(default_factory=list, description="Names of tags. New ones are made.")
    remove: TagNames = Field(default_factory=list, description="Names of tags.")


class RenameTag(Arguments):
    tag: TagName = Field(description="The name that it has.")
    new_name: TagName


def list_tags(context: TurnContext, _arguments: NoArguments) -> dict[str, Any]:
    counted = Count("task_tags", filter=Q(task_tags__task__deleted_at__isnull=True))
    tags = Tag.objects.filter(user=context.user).annotate(number=counted).order_by("name")
    rows = tags.values_list("name", "color", "number")[: MOST_TAGS + 1]
    shown = [{"name": name, "color": color, "tasks": number} for name, color, number in rows]
    return {"tags": shown[:MOST_TAGS], "has_more": len(rows) > MOST_TAGS, "note": DATA_ONLY}


def tag_tasks(context: TurnContext, arguments: TagTasks) -> dict[str, Any]:
    if not (arguments.add or arguments.remove):
        raise ToolError.of("required", "Send names in add or in remove.", "add")
    by_task = TaskTag.objects.filter(task__in=arguments.task_ids, task__user=context.user.pk)
    removed = {key_of_name(name) for name in arguments.remove}

    def tagged(task: Task) -> dict[str, Any]:
        # Read when the task is locked: another request may have tagged it meanwhile.
        names = by_task.filter(task=task).order_by("tag_id").values_list("tag__name", flat=True)
        kept = [name for name in names if key_of_name(name) not in removed]
        return {"op": "update", "data": {"tags": [*kept, *arguments.add]}}

    with context.changes.recording_tags(context.user):
        return change(context, arguments.task_ids, tagged)


def rename_tag(context: TurnContext, arguments: RenameTag) -> dict[str, Any]:
    mine = Tag.objects.named(context.user.pk, [arguments.tag])
    tag = mine.select_for_update(no_key=True).first()
    if tag is None:
        raise ToolError.of("unknown", "There is no tag with this name: see list_tags.", "tag")
    request = SimpleNamespace(user=context.user)
    renamed = TagSerializer(tag, {"name": arguments.new_name}, partial=True, context={"request": request})
    with context.changes.recording_tags(context.user), refusals(renamed={"name": "new_name"}):
        renamed.is_valid(raise_exception=True)
        renamed.save()
    return {"tag": tag.name}


TAGGING = [
    Tool(
        "list_tags", "The user's tags, with the number of their tasks.", NoArguments, list_tags, scope="read"
    ),
    Tool("tag_tasks", "Give tags to tasks, or take them away.", TagTasks, tag_tasks),
    Tool("rename_tag", "Give a tag another name. It stays on its tasks.", RenameTag, rename_tag),
]
