"""Each tool does what the API does, for the user of its turn, and says what it refuses in the API's words."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from accounts_app.models import User
from chat_app.models import Change, ToolCall
from chat_app.tools.registry import TOOLS
from chat_app.tools.tool import ToolError
from chat_app.tools.words import LABELS
from chat_app.tools.writing import NewTask, UpdateTasks
from events_app.models import OutboxEvent
from notifications_app.scan import scan_reminders
from tasks_app.models import Tag, Task
from tasks_app.services import complete_task, create_task, trash_task
from tests.chat_app.assistants import Assistant
from tests.tasks_app.recorded import fresh, recorded

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]

TUESDAY_9 = datetime(2026, 3, 3, 8, tzinfo=UTC)  # 09:00 in Berlin; the clock stands at Monday 13:00


@pytest.fixture
def assistant(alice: User) -> Assistant:
    return Assistant(alice)


def refused(assistant: Assistant, tool: str, **arguments: Any) -> tuple[str | None, str]:
    """(argument, code) of the one problem."""
    with pytest.raises(ToolError) as error:
        assistant.ask(tool, **arguments)
    (problem,) = error.value.problems
    return problem.field, problem.code


def test_it_creates_tasks_with_all_they_can_have(assistant: Assistant, alice: User) -> None:
    answer = assistant.call(
        "create_tasks",
        tasks=[
            {
                "title": "Pay rent",
                "due_at": "2026-03-31T09:00",
                "recurrence_rule": "monthly",
                "priority": "high",
                "tags": ["home"],
                "reminder_offsets": [60],
            },
            {"title": "Call mum", "due_date": "2026-03-08"},
        ],
    )
    rent, call = answer["created"]
    assert rent == {
        "id": rent["id"],
        "title": "Pay rent",
        "completed": False,
        "due_at": "2026-03-31T09:00+02:00",
        "reminder_offsets": [60],
        "recurrence_rule": "monthly",
        "recurs": rent["recurs"],
        "priority": "High",
        "tags": ["home"],
    }
    assert (call["due_date"], call["priority"]) == ("2026-03-08", "Medium")
    assert Task.objects.get(pk=rent["id"]).user == alice


@pytest.mark.parametrize(
    ("tool", "arguments", "problem"),
    [
        ("create_tasks", {"tasks": [{"title": " "}]}, ("title", "blank")),
        ("create_tasks", {"tasks": [{"title": "a", "user_id": 1}]}, ("tasks.0.user_id", "unknown_field")),
        ("create_tasks", {"tasks": [{"title": "a", "due_at": "soon"}]}, ("due_at", "invalid")),
        ("create_tasks", {"tasks": [{"title": "a", "due_at": "2026-02-31T09:00"}]}, ("due_at", "invalid")),
        ("create_tasks", {"tasks": [{"title": "a", "priority": "huge"}]}, ("priority", "unknown")),
        ("create_tasks", {"tasks": []}, ("tasks", "invalid")),
        ("update_tasks", {"task_ids": [1]}, (None, "required")),
        ("complete_tasks", {"task_ids": ["1"]}, ("task_ids.0", "invalid")),
        ("complete_tasks", {"task_ids": [True]}, ("task_ids.0", "invalid")),
        ("complete_tasks", {"task_ids": [0]}, ("task_ids.0", "invalid")),
        ("complete_tasks", {"task_ids": [2**63]}, ("task_ids.0", "invalid")),
        ("complete_tasks", {"task_ids": [999]}, ("task_ids", "not_found")),
        ("complete_tasks", {}, ("task_ids", "required")),
        ("reschedule_tasks", {"task_ids": [1]}, ("to_day", "conflict")),
        ("snooze_tasks", {"task_ids": [1]}, ("until", "conflict")),
        ("list_tasks", {"tag": "none such"}, ("tag", "unknown")),
        ("list_tasks", {"priority": "huge"}, ("priority", "invalid")),
        ("list_tasks", {"due_after": "soon"}, ("due_after", "invalid")),
        ("list_tasks", {"user": "bob"}, ("user", "unknown_field")),
        ("get_task", {"task_id": 999}, ("task_id", "not_found")),
        ("preview_rule", {"recurrence_rule": "hourly"}, ("recurrence_rule", "unknown_rule")),
        ("rename_tag", {"tag": "a", "new_name": "b"}, ("tag", "unknown")),
        ("drop_tables", {}, (None, "unknown_tool")),
    ],
)
def test_what_is_wrong_is_named(
    assistant: Assistant, tool: str, arguments: dict[str, Any], problem: tuple[str | None, str]
) -> None:
    assert refused(assistant, tool, **arguments) == problem
    assert not Task.objects.exists()
    assert not ToolCall.objects.exists()


def test_one_that_is_wrong_stops_the_whole_call(assistant: Assistant, alice: User) -> None:
    task = create_task(alice, title="mine")
    assert refused(assistant, "complete_tasks", task_ids=[task.pk, 999])[1] == "not_found"
    assert not fresh(task).completed
    assert not Change.objects.exists()


def test_lists_are_by_view_and_filters(assistant: Assistant, alice: User) -> None:
    tag = Tag.objects.create(user=alice, name="home")
    due = create_task(alice, title="due tomorrow", due_at=TUESDAY_9, tags=[tag])
    today = create_task(alice, title="due tonight", due_at=timezone.now() + timedelta(hours=3))
    late = create_task(alice, title="late", due_at=timezone.now() - timedelta(days=1))
    some_day = create_task(alice, title="some day", priority_id=3)
    complete_task(create_task(alice, title="done"))
    trash_task(create_task(alice, title="gone"))
    create_task(alice, title="put away", archived=True)

    def titles(**arguments: Any) -> list[str]:
        return [task["title"] for task in assistant.call("list_tasks", **arguments)["tasks"]]

    assert titles() == [late.title, today.title, due.title, some_day.title]
    assert titles(view="today") == [late.title, today.title]
    assert titles(view="overdue") == [late.title]
    assert titles(view="upcoming") == [today.title, due.title]
    assert titles(view="without_due") == [some_day.title]
    assert titles(view="completed") == ["done"]
    assert titles(view="trash") == ["gone"]
    assert titles(view="archived") == ["put away"]
    assert "done" in titles(view="all")
    assert titles(tag="HOME") == titles(q="tomor") == [due.title]
    assert titles(priority="high") == [some_day.title]
    assert titles(due_after="2026-03-03T09:00", due_before="2026-03-03T09:01") == [due.title]


def test_a_list_has_pages(assistant: Assistant, alice: User, django_assert_num_queries: Any) -> None:
    for number in range(51):
        create_task(alice, title=f"task {number}")
    with django_assert_num_queries(3):
        first = assistant.call("list_tasks")
    second = assistant.call("list_tasks", page=2)
    assert (len(first["tasks"]), first["has_more"]) == (50, True)
    assert (len(second["tasks"]), second["has_more"]) == (1, False)


def test_to_reschedule_keeps_the_time_of_day_and_the_rule(assistant: Assistant, alice: User) -> None:
    timed = create_task(alice, title="timed", due_at=TUESDAY_9, recurrence_rule="daily")
    day = create_task(alice, title="day", due_date=datetime(2026, 3, 3).date())  # noqa: DTZ001
    assistant.call("reschedule_tasks", task_ids=[timed.pk, day.pk], to_day="2026-03-30")
    moved = fresh(timed)
    # 09:00 in Berlin, where clocks have changed by then.
    assert moved.due_at == datetime(2026, 3, 30, 7, tzinfo=UTC)
    assert (moved.recurrence_rule, moved.series_id, moved.occurrence_at) == (
        "daily",
        timed.series_id,
        TUESDAY_9,
    )
    assert str(fresh(day).due_date) == "2026-03-30"
    assistant.call("reschedule_tasks", task_ids=[timed.pk], to_time="2026-03-04T10:30")
    assert fresh(timed).due_at == datetime(2026, 3, 4, 9, 30, tzinfo=UTC)
    assistant.call("reschedule_tasks", task_ids=[day.pk], remove=True)
    assert fresh(day).due_at is None


def test_rules_are_set_changed_stopped_and_previewed(assistant: Assistant, alice: User) -> None:
    task = create_task(alice, title="water", due_at=TUESDAY_9)
    answer = assistant.call("change_rule", task_id=task.pk, recurrence_rule="weekly")
    assert answer["task"]["recurrence_rule"] == "weekly"
    assistant.call(
        "change_rule", task_id=task.pk, recurrence_rule="daily", recurrence_mode="after_completion"
    )
    assert (fresh(task).recurrence_rule, fresh(task).recurrence_mode) == ("daily", "after_completion")
    assistant.call("change_rule", task_id=task.pk, stop=True)
    assert not fresh(task).is_recurring
    seen = assistant.call("preview_rule", recurrence_rule="monthly", start="2026-01-31T09:00", count=3)
    assert [slot[:10] for slot in seen["occurrences"]] == ["2026-01-31", "2026-02-28", "2026-03-31"]


def test_a_skip_names_what_follows(assistant: Assistant, alice: User) -> None:
    task = create_task(alice, title="water", due_at=TUESDAY_9, recurrence_rule="daily")
    answer = assistant.call("skip_tasks", task_ids=[task.pk])
    (following,) = answer["next"]
    assert following["due_at"] == "2026-03-04T09:00+01:00"
    assert fresh(task).slot_state == "skipped"
    assert refused(assistant, "skip_tasks", task_ids=[task.pk]) == ("task_ids", "in_trash")


def test_it_snoozes_and_ends_a_snooze(assistant: Assistant, alice: User) -> None:
    task = create_task(alice, title="water", due_at=TUESDAY_9)
    assistant.call("snooze_tasks", task_ids=[task.pk], minutes=90)
    assert fresh(task).snoozed_until == timezone.now() + timedelta(minutes=90)
    assistant.call("snooze_tasks", task_ids=[task.pk], until="2026-03-02T18:00")
    assert fresh(task).snoozed_until == datetime(2026, 3, 2, 17, tzinfo=UTC)
    assistant.call("snooze_tasks", task_ids=[task.pk], end=True)
    assert fresh(task).snoozed_until is None
    assert refused(assistant, "snooze_tasks", task_ids=[task.pk], until="2026-03-01T18:00") == (
        "until",
        "past",
    )
    complete_task(Task.objects.locked().get(pk=task.pk))
    assert refused(assistant, "snooze_tasks", task_ids=[task.pk], minutes=5) == ("task_ids", "not_open")


def test_tags_are_given_taken_renamed_and_counted(assistant: Assistant, alice: User) -> None:
    home = Tag.objects.create(user=alice, name="home")
    task = create_task(alice, title="water", tags=[home])
    assistant.call("tag_tasks", task_ids=[task.pk], add=["garden"], remove=["HOME"])
    assistant.call("rename_tag", tag="home", new_name="house")
    assert assistant.call("list_tags")["tags"] == [
        {"name": "garden", "color": "#6B7280", "tasks": 1},
        {"name": "house", "color": "#6B7280", "tasks": 0},
    ]
    assert refused(assistant, "rename_tag", tag="house", new_name="Garden") == ("new_name", "unique")


def test_it_says_why_a_reminder_rang(assistant: Assistant, alice: User, clock: Any) -> None:
    at = timezone.now() + timedelta(minutes=5)
    task = create_task(alice, title="water", reminder_at=at)
    assert "It rings next on Monday, 2 March" in assistant.call("why_reminder", task_id=task.pk)["planned"]
    clock.shift(timedelta(minutes=5))
    scan_reminders()
    (reminder,) = assistant.call("why_reminder", task_id=task.pk)["reminders"]
    assert reminder["state"] == "no_device"
    assert "had no device" in reminder["why"]


def test_search_and_fetch(assistant: Assistant, alice: User, settings: Settings) -> None:
    settings.PUBLIC_URL = "https://todo.example.com"
    task = create_task(alice, title="water the plants", description="the cactus too")
    (found,) = assistant.call("search", query="cactus")["results"]
    assert (found["id"], found["title"]) == (str(task.pk), "water the plants")
    page = assistant.call("fetch", id=found["id"])
    assert "description: the cactus too" in page["text"]
    assert page["url"] == f"https://todo.example.com/api/tasks/{task.pk}"


def test_the_actor_is_in_the_events(assistant: Assistant, alice: User) -> None:
    task = create_task(alice, title="water")
    OutboxEvent.objects.all().delete()  # this transaction's event of the task, which a later change amends
    with recorded() as found:
        assistant.call("complete_tasks", task_ids=[task.pk])
    assert {event.actor for event in found.events} == {f"assistant:{assistant.conversation.pk}"}
    assert len(f"assistant:{assistant.conversation.pk}") <= 50


def test_a_question_has_a_word_for_each_field_that_the_tools_change() -> None:
    columns = {"priority": "priority_id", "tags": "tag_ids"}
    changed = NewTask.model_fields.keys() | UpdateTasks.model_fields.keys() - {"task_ids"}
    assert {columns.get(name, name) for name in changed} <= LABELS.keys()


def test_every_tool_has_a_schema_that_says_what_it_takes() -> None:
    for tool in TOOLS.values():
        assert tool.schema["additionalProperties"] is False, tool.name
        assert tool.description.endswith("."), tool.name
        assert "user" not in " ".join(tool.schema["properties"]), tool.name
