"""Tools that only read: lists, one task, and the pair `search` and `fetch` that some clients look for."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Annotated, Any, Literal

from django.conf import settings
from django.db.models import F, QuerySet
from django.http import QueryDict
from django_filters.utils import translate_validation
from pydantic import Field

from accounts_app.models import User
from chat_app.tools.refusing import refusals
from chat_app.tools.shown import DATA_ONLY, local_text, shown
from chat_app.tools.tool import Arguments, Tool, ToolError, TurnContext
from chat_app.tools.values import PriorityName, TagName, TaskId, Time, with_offset
from recurrence.rules import end_of_local_day, local_of
from tasks_app.filters import TaskFilter
from tasks_app.models import Tag, Task

PAGE = 50
View = Literal["open", "today", "overdue", "upcoming", "without_due", "completed", "archived", "trash", "all"]
# The filters of GET /api/tasks that each is.
_FILTERS: dict[View, dict[str, Any]] = {
    "open": {"completed": False},
    "today": {"completed": False},
    "overdue": {"overdue": True},
    "upcoming": {"completed": False},
    "without_due": {"completed": False, "due": "none"},
    "completed": {"completed": True},
    "archived": {"archived": True},
    "trash": {"trash": True},
    "all": {},
}
_NEXT_DAYS = timedelta(days=7)


class ListTasks(Arguments):
    view: View = Field(
        "open",
        description="Which tasks. open: to be done. today: open and due today or before. upcoming: open and"
        " due in the next 7 days. all: also completed ones, but neither archived ones nor the trash.",
    )
    q: Annotated[str, Field(min_length=1, max_length=200)] | None = Field(
        None, description="Words of the title or the description; beginnings of words count."
    )
    tag: TagName | None = Field(None, description="The name of one of the user's tags.")
    priority: PriorityName | None = None
    due_after: Time | None = None
    due_before: Time | None = None
    pinned: bool | None = None
    recurring: bool | None = None
    page: Annotated[int, Field(ge=1, le=200)] = Field(1, description=f"Pages of {PAGE}, counted from 1.")


class OneTask(Arguments):
    task_id: TaskId


class Search(Arguments):
    query: Annotated[str, Field(min_length=1, max_length=200)] = Field(
        description="Words of the title or the description."
    )


class Fetch(Arguments):
    id: Annotated[str, Field(pattern=r"^[0-9]{1,18}$")] = Field(description="The id of a result of `search`.")


def list_tasks(context: TurnContext, arguments: ListTasks) -> dict[str, Any]:
    found = _filtered(context, arguments)
    start = (arguments.page - 1) * PAGE
    rows = list(found[start : start + PAGE + 1])
    return {
        "tasks": shown(context.user, rows[:PAGE]),
        "page": arguments.page,
        "has_more": len(rows) > PAGE,
        "note": DATA_ONLY,
    }


def get_task(context: TurnContext, arguments: OneTask) -> dict[str, Any]:
    return {"task": shown(context.user, [own_task(context.user, arguments.task_id)])[0], "note": DATA_ONLY}


def search(context: TurnContext, arguments: Search) -> dict[str, Any]:
    found = _by_query(context.user, {"q": arguments.query})
    return {
        "results": [
            {"id": str(task.pk), "title": task.title, "url": address_of(task)} for task in found[:PAGE]
        ]
    }


def fetch(context: TurnContext, arguments: Fetch) -> dict[str, Any]:
    task = own_task(context.user, int(arguments.id), field="id")
    fields = shown(context.user, [task])[0]
    text = [f"{name}: {value}" for name, value in fields.items() if name not in ("id", "title")]
    return {
        "id": arguments.id,
        "title": task.title,
        "text": "\n".join([task.title, *text]),
        "url": address_of(task),
        "metadata": {
            "note": DATA_ONLY,
            "updated_at": str(local_text(task.updated_at, context.user.timezone)),
        },
    }


def own_task(user: User, task_id: int, field: str = "task_id") -> Task:
    """The user's task. Raises ToolError, for another user's as for one that does not exist."""
    task = Task.objects.filter(user=user, pk=task_id).first()
    if task is None:
        raise ToolError.of(
            "not_found", f"You have no task {task_id}. Find the right id with list_tasks.", field
        )
    return task


def address_of(task: Task) -> str:
    """The URL of the task in the API."""
    return f"{settings.PUBLIC_URL}/api/tasks/{task.pk}"


def _filtered(context: TurnContext, arguments: ListTasks) -> QuerySet[Task]:
    zone = context.user.timezone
    data: dict[str, Any] = {
        "q": arguments.q,
        "priority": arguments.priority,
        "pinned": arguments.pinned,
        "recurring": arguments.recurring,
        "tag": None if arguments.tag is None else str(_tag_named(context.user, arguments.tag).pk),
    }
    for name in ("due_after", "due_before"):
        given = getattr(arguments, name)
        data[name] = None if given is None else with_offset(given, zone, name)
    data |= _FILTERS[arguments.view]
    rows = _by_query(context.user, data)
    today_ends = end_of_local_day(local_of(context.now, zone).date(), zone)
    if arguments.view == "today":
        rows = rows.filter(due_at__lte=today_ends)
    if arguments.view == "upcoming":
        rows = rows.filter(due_at__gte=context.now, due_at__lte=today_ends + _NEXT_DAYS)
    if arguments.q:
        return rows.order_by("-created_at", "-pk")
    return rows.order_by(F("due_at").asc(nulls_last=True), "-created_at", "-pk")


def _by_query(user: User, data: dict[str, Any]) -> QuerySet[Task]:
    """The user's tasks, by the filters of GET /api/tasks. Raises ToolError."""
    query = QueryDict(mutable=True)
    for name, value in data.items():
        if value is not None:
            query[name] = str(value).lower() if isinstance(value, bool) else value
    if "q" in query:
        query["ordering"] = "-created_at"  # not by rank, which is a page of its own
    mine = Task.objects.filter(user=user)
    filtered = TaskFilter(query, mine, request=SimpleNamespace(user=user))
    with refusals():
        if not filtered.is_valid():
            raise translate_validation(filtered.errors)
        rows: QuerySet[Task] = filtered.qs
    return rows


def _tag_named(user: User, name: str) -> Tag:
    tag = Tag.objects.named(user.pk, [name]).first()
    if tag is None:
        raise ToolError.of("unknown", "There is no tag with this name: see list_tags.", "tag")
    return tag


READING = [
    Tool(
        "list_tasks",
        "List or search the user's tasks, the first due first. Use it to find the ids that other tools take.",
        ListTasks,
        list_tasks,
        scope="read",
    ),
    Tool("get_task", "One task with all its fields.", OneTask, get_task, scope="read"),
]
# For clients of MCP that look for these two.
SEARCHING = [
    Tool("search", "Search the user's tasks. Answers ids and titles.", Search, search, scope="read"),
    Tool("fetch", "One result of `search`, as text.", Fetch, fetch, scope="read"),
]
