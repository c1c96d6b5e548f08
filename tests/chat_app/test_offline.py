"""The model without a network: what it does for a sentence, what it says, and where it asks."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
import time_machine

from accounts_app.models import User
from chat_app.models import Message
from recurrence.rules import local_of
from tasks_app.models import Tag, Task
from tasks_app.services import create_task
from tests.chat_app.loop import turn

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("wednesday")]


@pytest.fixture
def wednesday() -> Any:
    """25 March 2026, 10:00 in Berlin: four days before the clocks change."""
    with time_machine.travel("2026-03-25T09:00:00Z", tick=False):
        yield


@pytest.fixture
def tasks(alice: User) -> dict[str, Task]:
    home = Tag.objects.create(user=alice, name="home")
    made = [
        create_task(alice, title="Pay rent", due_at=berlin(25, 18), tags=[home]),
        create_task(alice, title="Call mum", due_at=berlin(25, 19)),
        create_task(alice, title="Call the bank", due_at=berlin(26, 9)),
        create_task(alice, title="Water the plants", due_at=berlin(23, 9), tags=[home]),
        create_task(alice, title="Go to the market", completed=False),
        create_task(alice, title="Old letter", completed=True),
    ]
    return {task.title: task for task in made}


def berlin(day: int, hour: int, minute: int = 0) -> datetime:
    """In March 2026, before the 29th an hour before UTC and two from then on."""
    return datetime(2026, 3, day, hour - (1 if day < 29 else 2), minute, tzinfo=UTC)


def local(at: datetime | None) -> str:
    assert at is not None
    return local_of(at, "Europe/Berlin").isoformat(timespec="minutes")


def said(user: User, message: str, conversation: Any = None) -> str:
    text: str = turn(user, message, conversation)["reply"]
    return text


ADDED = [
    ("add buy milk", {"title": "buy milk"}),
    ("Please add call bob tomorrow at 5pm.", {"title": "call bob", "due": "2026-03-26T17:00"}),
    ("create a task to renew the pass in 3 weeks", {"title": "renew the pass", "day": "2026-04-15"}),
    ("new task: brunch on sunday at 11", {"title": "brunch", "due": "2026-03-29T11:00"}),
    ("add rent every month on the 31st 9am #flat !high",
     {"title": "rent", "due": "2026-03-31T09:00", "rule": "monthly", "tags": ["flat"], "priority": "High"}),
    ("remind me tomorrow at 9 to call bob", {"title": "call bob", "rings": "2026-03-26T09:00"}),
    ("add a cake to my list", {"title": "a cake"}),
    ('add "complete the form" on friday', {"title": "complete the form", "day": "2026-03-27"}),
]  # fmt: skip


@pytest.mark.parametrize(("message", "expected"), ADDED, ids=[message for message, _ in ADDED])
def test_adding(alice: User, message: str, expected: dict[str, Any]) -> None:
    reply = said(alice, message)
    (task,) = Task.objects.filter(user=alice)
    assert task.title == expected["title"]
    assert reply.startswith(f"Added “{task.title}”")
    assert (not task.all_day and task.due_at and local(task.due_at)) == (
        expected.get("due") or (task.due_at and False)
    )
    assert task.due_date == (date.fromisoformat(expected["day"]) if "day" in expected else None)
    assert task.recurrence_rule == expected.get("rule")
    assert (task.reminder_at and local(task.reminder_at)) == expected.get("rings")
    assert sorted(task.tags.values_list("name", flat=True)) == expected.get("tags", [])
    assert task.priority is not None
    assert task.priority.name == expected.get("priority", "Medium")


OPEN = ["Water the plants", "Pay rent", "Call mum", "Call the bank", "Go to the market"]
LISTED = [
    ("what is due today?", ["Water the plants", "Pay rent", "Call mum"]),
    ("list", OPEN),
    ("show me my open tasks", OPEN),
    ("what's overdue", ["Water the plants"]),
    ("what do I have tomorrow?", ["Call the bank"]),
    ("show tasks tagged home", ["Water the plants", "Pay rent"]),
    ("list completed tasks", ["Old letter"]),
    ("list tasks without a due date", ["Go to the market"]),
    ("what is due on thursday", ["Call the bank"]),
    ("find call", ["Call the bank", "Call mum"]),
    ("list high priority", []),
]  # fmt: skip


def test_listing(alice: User, tasks: dict[str, Task]) -> None:
    for message, expected in LISTED:
        lines = said(alice, message).splitlines()
        found = [line.removeprefix("- ").split(" (#")[0] for line in lines if line.startswith("- ")]
        assert found == expected, (message, lines)


# The sentence, the task, and what is different then.
CHANGED = [
    ("complete pay rent", "Pay rent", {"completed": True}),
    ("mark call mum as done", "Call mum", {"completed": True}),
    ("Pay rent is done!", "Pay rent", {"completed": True}),
    ("complete the task pay rent", "Pay rent", {"completed": True}),
    ("complete my to-do called “call mum”", "Call mum", {"completed": True}),
    ("reopen old letter", "Old letter", {"completed": False}),
    ("move pay rent to friday", "Pay rent", {"due": "2026-03-27T18:00"}),
    ("move pay rent to friday at 9", "Pay rent", {"due": "2026-03-27T09:00"}),
    ("reschedule call mum to tomorrow at 8pm", "Call mum", {"due": "2026-03-26T20:00"}),
    ("postpone call mum to sunday", "Call mum", {"due": "2026-03-29T19:00"}),
    ("move go to the market to tomorrow", "Go to the market", {"day": "2026-03-26"}),
    ("push the bank until the 31st", "Call the bank", {"due": "2026-03-31T09:00"}),
    ("remind me of the market tomorrow at 8", "Go to the market", {"rings": "2026-03-26T08:00"}),
    ("remind me of the rent on the 31st", "Pay rent", {"rings": "2026-03-31T09:00"}),
    ("remind me of call mum 30 minutes before", "Call mum", {"offsets": [30]}),
    ("tag the market with shopping and weekend", "Go to the market", {"tags": ["shopping", "weekend"]}),
    ("tag call mum #family", "Call mum", {"tags": ["family"]}),
    ("remove the tag home from pay rent", "Pay rent", {"tags": []}),
    ("set the priority of pay rent to critical", "Pay rent", {"priority": "Critical"}),
    ("make call mum high priority", "Call mum", {"priority": "High"}),
    ("make call mum !low", "Call mum", {"priority": "Low"}),
    ("repeat pay rent every month on the 31st", "Pay rent", {"rule": "monthly", "day_of_due": 31}),
    ("repeat pay rent daily", "Pay rent", {"rule": "daily", "due": "2026-03-25T18:00"}),
    ("make call mum repeat every friday", "Call mum", {"rule": "weekly", "day_of_due": 27}),
    ("rename call mum to call my mother", "Call mum", {"title": "call my mother"}),
    ("pin pay rent", "Pay rent", {"pinned": True}),
    ("archive the market", "Go to the market", {"archived": True}),
    ("snooze pay rent for 20 minutes", "Pay rent", {"snoozed": "2026-03-25T10:20"}),
    ("Snooze Pay Rent For 20 Minutes", "Pay rent", {"snoozed": "2026-03-25T10:20"}),
    ("snooze pay rent until tomorrow at 8", "Pay rent", {"snoozed": "2026-03-26T08:00"}),
]  # fmt: skip


@pytest.mark.parametrize(("message", "title", "expected"), CHANGED, ids=[message for message, *_ in CHANGED])
def test_changing(
    alice: User, tasks: dict[str, Task], message: str, title: str, expected: dict[str, Any]
) -> None:
    others = {
        pk: version for pk, version in Task.objects.values_list("pk", "version") if pk != tasks[title].pk
    }
    reply = said(alice, message)
    task = Task.objects.get(pk=tasks[title].pk)
    shown = {
        "due": task.due_at and not task.all_day and local(task.due_at),
        "day": task.due_date and task.due_date.isoformat(),
        "day_of_due": task.due_at and local_of(task.due_at, "Europe/Berlin").day,
        "rings": task.reminder_at and local(task.reminder_at),
        "snoozed": task.snoozed_until and local(task.snoozed_until),
        "offsets": task.reminder_offsets,
        "tags": sorted(task.tags.values_list("name", flat=True)),
        "priority": task.priority and task.priority.name,
        "rule": task.recurrence_rule,
        **{name: getattr(task, name) for name in ("title", "completed", "pinned", "archived")},
    }
    assert {name: shown[name] for name in expected} == expected, reply
    assert others == {
        pk: version for pk, version in Task.objects.values_list("pk", "version") if pk in others
    }, "only the task that was meant"


def test_deleting_asks_first(alice: User, tasks: dict[str, Task]) -> None:
    answer = turn(alice, "delete pay rent")
    assert answer["state"] == "waiting"
    assert "“Pay rent”" in answer["confirmation"]["words"]
    assert not Task.objects.exclude(deleted_at=None).exists()


def test_the_whole_title_comes_before_what_it_may_mean(alice: User) -> None:
    """`Task list` is a title here, though `the task list` may mean a task called `list`."""
    named = create_task(alice, title="Task list")
    create_task(alice, title="Wish list")
    assert said(alice, "complete the task list") == "Completed “Task list”."
    assert Task.objects.get(completed=True) == named


def test_two_commands_and_a_wide_one(alice: User, tasks: dict[str, Task]) -> None:
    said(alice, "move everything due today to tomorrow and remind me of the rent on the 31st")
    rent, mum = Task.objects.get(title="Pay rent"), Task.objects.get(title="Call mum")
    assert (local(rent.due_at), local(mum.due_at)) == ("2026-03-26T18:00", "2026-03-26T19:00")
    assert rent.reminder_at is not None
    assert local(rent.reminder_at) == "2026-03-31T09:00"
    plants = Task.objects.get(title="Water the plants")
    assert plants.due_at == tasks["Water the plants"].due_at


def test_a_wide_step_asks_and_does_not_hold_up_the_other(alice: User, tasks: dict[str, Task]) -> None:
    for number in range(6):
        create_task(alice, title=f"errand {number}", due_at=berlin(25, 20))
    answer = turn(alice, "move everything due today to tomorrow and remind me of the rent on the 31st")
    assert answer["state"] == "waiting"
    assert "8 tasks" in answer["confirmation"]["words"]
    assert sorted(action["state"] for action in answer["actions"] if action["tool"] != "list_tasks") == [
        "done", "waiting",
    ]  # fmt: skip
    assert Task.objects.get(title="Pay rent").reminder_at is not None


ASKED = [
    ("complete call", "Which “call” do you mean?"),
    ("complete the dishes", "I found no open task “dishes”"),
    ("delete", "I did not understand “delete”"),
    ("add call mum tomorrow at 5", "1. "),
    ("move pay rent to wednesday", "1. "),
    ("move pay rent to the moon", "To which day or time?"),
    ("move pay rent", "To which day or time?"),
    ("make pay rent purple priority", "There is no priority “purple”"),
    ("repeat pay rent every now and then", "I did not understand"),
    ("remind me of the dentist tomorrow at 9", "I found no open task “dentist”"),
    ("what is the meaning of life", "I did not understand"),
    ("how are you", "I did not understand"),
    ("complete it", "Which task do you mean?"),
    ("complete #999999", "You have no task 999999"),
    ("snooze pay rent", "Until when?"),
    ("complete", "I did not understand “complete”"),
    ("cancel the dentist", "I did not understand “cancel the dentist”"),
    ("no milk today", "I did not understand"),
    ("no, thanks a lot!", "All right."),
    ("never mind that", "All right."),
]


def test_asking_where_it_is_unsure(alice: User, tasks: dict[str, Task]) -> None:
    before = list(Task.objects.order_by("pk").values_list("pk", "version"))
    for message, reply in ASKED:
        assert reply in said(alice, message), message
        assert list(Task.objects.order_by("pk").values_list("pk", "version")) == before, message


def test_a_number_is_the_choice(alice: User, tasks: dict[str, Task]) -> None:
    asked = turn(alice, "complete call")
    assert "1. Call the bank" in asked["reply"]
    done = turn(alice, "2", asked["conversation_id"])
    assert done["reply"] == "Completed “Call mum”."
    assert turn(alice, "the first one", done["conversation_id"])["reply"].startswith("I did not understand")


def test_a_choice_of_the_grammar(alice: User) -> None:
    asked = turn(alice, "add call mum tomorrow at 5")
    done = turn(alice, "2", asked["conversation_id"])
    (task,) = Task.objects.filter(user=alice)
    assert task.title == "call mum"
    assert local(task.due_at) in ("2026-03-26T05:00", "2026-03-26T17:00"), done


def test_it_is_what_was_talked_about(alice: User, tasks: dict[str, Task]) -> None:
    first = turn(alice, "move pay rent to friday")
    done = turn(alice, "complete it", first["conversation_id"])
    assert done["reply"] == "Completed “Pay rent”."


def test_another_user_has_nothing_of_it(alice: User, bob: User, tasks: dict[str, Task]) -> None:
    assert "no open task" in said(bob, "complete pay rent")
    assert "You have no task" in said(bob, f"complete #{tasks['Pay rent'].pk}")
    assert "You have no tasks" in said(bob, "list")


ODD = [
    "",
    " ",
    "2",
    "and and and",
    "add",
    "move to",
    "\0",
    "“",
    '"',
    "🎉" * 2_000,
    "and complete " * 300,
    "a" * 4_000,
]


def test_odd_messages_are_answered(alice: User) -> None:
    for number, message in enumerate(ODD, 1):
        assert said(alice, message.replace("\0", "") or "?"), message
        assert not Task.objects.exists(), message
        assert Message.objects.filter(role="assistant").count() >= number, message
