"""What a turn changed is undone as one; what was changed since stays, and is named."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.utils import timezone
from rest_framework.exceptions import NotFound

from accounts_app.models import User
from chat_app.undo import Undone, undo
from events_app.brokers import InProcessBroker
from events_app.models import OutboxEvent, ParkedEvent
from events_app.relay import relay_batch
from http_app.errors import Conflict
from notifications_app.models import Reminder
from notifications_app.scan import scan_reminders
from tasks_app.models import Tag, Task
from tasks_app.services import complete_task, create_task, trash_task, update_task
from tasks_app.task_serializer import TaskSerializer
from tests.chat_app.assistants import Assistant
from tests.tasks_app.recorded import fresh

pytestmark = pytest.mark.django_db(transaction=True)

TUESDAY_9 = datetime(2026, 3, 3, 8, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def monday() -> Iterator[time_machine.Traveller]:
    with time_machine.travel("2026-03-02T12:00:00Z", tick=False) as traveller:
        yield traveller


@pytest.fixture
def assistant(alice: User) -> Assistant:
    return Assistant(alice)


def relay() -> list[OutboxEvent]:
    """Handle all events, as consumers do; those events, in their order."""
    seen: dict[int, OutboxEvent] = {}
    while rows := list(OutboxEvent.objects.order_by("id")):
        seen |= {row.pk: row for row in rows}
        relay_batch(InProcessBroker())
    assert not ParkedEvent.objects.exists()
    return list(seen.values())


def state(user: User) -> dict[str, Any]:
    """What the user sees of all tasks and tags, apart from versions and the times of changes."""
    tasks = {}
    for task in Task.objects.filter(user=user, deleted_at=None).order_by("pk"):
        fields = dict(TaskSerializer(task).data)
        tasks[task.pk] = {name: fields[name] for name in fields if name not in ("version", "updated_at")}
        tasks[task.pk]["next_reminder_at"] = task.next_reminder_at
    tags = dict(Tag.objects.filter(user=user).values_list("pk", "name"))
    return {
        "tasks": tasks,
        "tags": tags,
        "trash": Task.objects.filter(user=user, deleted_at__isnull=False).count(),
    }


def undo_last(assistant: Assistant) -> Undone:
    assistant.end_turn()
    return undo(assistant.user, conversation_id=assistant.conversation.pk)


def test_a_turn_that_touched_twenty_tasks(assistant: Assistant, alice: User) -> None:
    home, work = (Tag.objects.create(user=alice, name=name) for name in ("home", "work"))
    plain = [
        create_task(alice, title=f"plain {n}", due_at=TUESDAY_9, tags=[home], reminder_offsets=[30])
        for n in range(8)
    ]
    series = [
        create_task(
            alice, title=f"series {n}", due_at=TUESDAY_9 + n * DAY, recurrence_rule="daily", tags=[work]
        )
        for n in range(6)
    ]
    relay()
    before = state(alice)

    ids = [task.pk for task in plain]
    steps: list[tuple[str, dict[str, Any]]] = [
        ("create_tasks", {"tasks": [{"title": f"new {n}", "tags": ["made"]} for n in range(6)]}),
        ("complete_tasks", {"task_ids": [task.pk for task in series[:4]]}),
        ("delete_tasks", {"task_ids": [series[4].pk, ids[0]]}),
        ("tag_tasks", {"task_ids": ids[1:], "add": ["made", "other"], "remove": ["home"]}),
        ("reschedule_tasks", {"task_ids": ids[1:4], "to_day": "2026-03-20"}),
        (
            "update_tasks",
            {"task_ids": [ids[1]], "title": "renamed", "description": "new", "priority": "High"},
        ),
        ("change_rule", {"task_id": ids[2], "recurrence_rule": "weekly"}),
        ("change_rule", {"task_id": series[5].pk, "stop": True}),
        ("snooze_tasks", {"task_ids": [ids[4]], "minutes": 60}),
        ("rename_tag", {"tag": "work", "new_name": "job"}),
    ]
    for tool, arguments in steps:
        assistant.do(tool, **arguments)
    touched = (
        assistant.turn.changes.filter(kind="task", was_asked=True).values("object_id").distinct().count()
    )
    assert touched == 20
    relay()
    assert Task.objects.filter(generated_from__in=series).count() == 4

    answer = undo_last(assistant)
    assert answer.left == []
    assert len([thing for thing in answer.undone if thing.kind == "task"]) == 20
    events = relay()
    after = state(alice)
    # In the trash are the six that were made, and the four successors; the two that were deleted are back.
    assert after.pop("trash") == before.pop("trash") + 6 + 4
    assert after == before

    for subject in {event.subject for event in events if event.topic == "task-events"}:
        sequences = [e.sequence for e in events if e.subject == subject and e.topic == "task-events"]
        assert sequences == sorted(set(sequences))
        assert sequences[-1] == Task.objects.get(pk=subject).version


def test_what_was_changed_since_stays_and_is_named(assistant: Assistant, alice: User) -> None:
    first, second = (create_task(alice, title=title) for title in ("first", "second"))
    assistant.call("update_tasks", task_ids=[first.pk, second.pk], priority="High")
    update_task(Task.objects.get(pk=first.pk), title="by hand")
    answer = undo_last(assistant)
    assert [(thing.id, thing.name, thing.reason) for thing in answer.left] == [
        (first.pk, "by hand", "changed_since")
    ]
    assert [thing.id for thing in answer.undone] == [second.pk]
    assert (fresh(first).priority_id, fresh(second).priority_id) == (3, 2)
    assert [change.left_reason for change in assistant.turn.changes.order_by("object_id")] == [
        "changed_since",
        "",
    ]


def test_what_was_erased_since_is_named(assistant: Assistant, alice: User) -> None:
    task = create_task(alice, title="gone")
    assistant.call("update_tasks", task_ids=[task.pk], priority="High")
    task.delete()
    assert [(thing.id, thing.reason) for thing in undo_last(assistant).left] == [(task.pk, "gone")]


def test_the_last_turn_that_changed_something_is_undone_then_the_one_before(
    assistant: Assistant, alice: User
) -> None:
    task = create_task(alice, title="one")
    assistant.call("update_tasks", task_ids=[task.pk], title="two")
    first = assistant.turn
    assistant.new_turn()
    assistant.call("update_tasks", task_ids=[task.pk], title="three")
    assistant.new_turn()
    assistant.call("list_tasks")
    undo_last(assistant)
    assert fresh(task).title == "two"
    assert undo_last(assistant).turn_id == first.pk
    assert fresh(task).title == "one"
    with pytest.raises(Conflict) as error:
        undo_last(assistant)
    assert error.value.get_codes() == "nothing_to_undo"


def test_a_turn_is_undone_once(assistant: Assistant, alice: User) -> None:
    assistant.call("create_tasks", tasks=[{"title": "a"}])
    undo_last(assistant)
    with pytest.raises(Conflict) as error:
        undo(alice, turn_id=assistant.turn.pk)
    assert error.value.get_codes() == "already_undone"


def test_a_running_turn_is_not_undone(assistant: Assistant, alice: User) -> None:
    assistant.call("create_tasks", tasks=[{"title": "a"}])
    with pytest.raises(Conflict) as error:
        undo(alice, conversation_id=assistant.conversation.pk)
    assert error.value.get_codes() == "running"


def test_of_others_nothing_is_undone(assistant: Assistant, bob: User) -> None:
    assistant.call("create_tasks", tasks=[{"title": "a"}])
    assistant.end_turn()
    hers = {"conversation_id": assistant.conversation.pk}
    for wanted in ({"turn_id": assistant.turn.pk}, {"turn_id": uuid4()}, hers):
        with pytest.raises(NotFound):
            undo(bob, **wanted)
    assert Task.objects.get().deleted_at is None


def test_a_completion_and_its_successor_that_the_turn_changed_too(assistant: Assistant, alice: User) -> None:
    task = create_task(alice, title="water", due_at=TUESDAY_9, recurrence_rule="daily")
    relay()
    before = state(alice)
    assistant.call("complete_tasks", task_ids=[task.pk])
    relay()
    successor = Task.objects.get(generated_from=task)
    assistant.call("update_tasks", task_ids=[successor.pk], title="water less")
    undo_last(assistant)
    relay()
    assert state(alice) | {"trash": 0} == before
    assert fresh(successor).deleted_at is not None


def test_a_successor_that_its_owner_changed_stays(assistant: Assistant, alice: User) -> None:
    task = create_task(alice, title="water", due_at=TUESDAY_9, recurrence_rule="daily")
    assistant.call("complete_tasks", task_ids=[task.pk])
    relay()
    successor = Task.objects.get(generated_from=task)
    update_task(successor, title="mine")
    undo_last(assistant)
    relay()
    assert not fresh(task).completed
    assert fresh(successor).deleted_at is None


@pytest.mark.parametrize("tool", ["skip_tasks", "reopen_tasks", "restore_tasks"])
def test_other_steps_are_undone_too(assistant: Assistant, alice: User, tool: str) -> None:
    task = create_task(alice, title="water", due_at=TUESDAY_9, recurrence_rule="daily")
    relay()
    if tool == "reopen_tasks":
        complete_task(task)
    if tool == "restore_tasks":
        trash_task(task)
    relay()
    before = state(alice)
    assistant.call(tool, task_ids=[task.pk])
    relay()
    assert undo_last(assistant).left == []
    relay()
    after = state(alice)
    if tool == "skip_tasks":
        before["trash"] += 1  # the successor
    assert after == before


def test_created_and_completed_in_one_turn(assistant: Assistant, alice: User) -> None:
    made = assistant.call(
        "create_tasks",
        tasks=[{"title": "water", "due_at": "2026-03-03T09:00", "recurrence_rule": "daily"}],
    )["created"][0]
    assistant.call("complete_tasks", task_ids=[made["id"]])
    relay()
    undo_last(assistant)
    relay()
    assert not Task.objects.filter(deleted_at=None).exists()


def test_a_tag_in_use_stays_and_one_that_was_made_goes(assistant: Assistant, alice: User) -> None:
    assistant.call("create_tasks", tasks=[{"title": "a", "tags": ["mine", "made"]}])
    create_task(alice, title="by hand", tags=[Tag.objects.get(name="mine")])
    answer = undo_last(assistant)
    assert [(thing.kind, thing.name, thing.reason) for thing in answer.left] == [("tag", "mine", "in_use")]
    assert list(Tag.objects.values_list("name", flat=True)) == ["mine"]


def test_a_reminder_that_was_moved_rings_at_its_time_and_one_that_rang_not_again(
    assistant: Assistant, alice: User, monday: time_machine.Traveller
) -> None:
    soon = create_task(alice, title="soon", reminder_at=timezone.now() + timedelta(minutes=10))
    rung = create_task(alice, title="rung", reminder_at=timezone.now() + timedelta(minutes=1))
    monday.shift(timedelta(minutes=2))
    scan_reminders()
    assistant.call("update_tasks", task_ids=[soon.pk, rung.pk], reminder_at="2026-03-05T09:00")
    undo_last(assistant)
    assert fresh(soon).next_reminder_at == soon.reminder_at
    monday.shift(timedelta(minutes=20))
    scan_reminders()
    assert sorted(Reminder.objects.values_list("task__title", flat=True)) == ["rung", "soon"]
