"""What takes something away, or is wide, waits for its user: who allows exactly what was named, once."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.db import connections
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from accounts_app.models import User
from chat_app.confirmations import confirm
from chat_app.models import Change, Confirmation, ToolCall, Turn
from chat_app.snapshots import Changed
from chat_app.tools.calling import CONFIRMATION_LIFETIME
from chat_app.tools.tool import ToolError
from chat_app.tools.words import words_of
from http_app.errors import Conflict
from tasks_app.models import Tag, Task
from tasks_app.services import create_task, update_task
from tests.chat_app.assistants import Assistant
from tests.tasks_app.recorded import fresh, recorded

pytestmark = pytest.mark.django_db
ClientOf = Callable[[User], APIClient]


@pytest.fixture
def assistant(alice: User, clock: time_machine.Traveller) -> Assistant:
    return Assistant(alice)


def tasks_of(user: User, number: int) -> list[int]:
    return [create_task(user, title=f"task {n}").pk for n in range(number)]


def decide(client: APIClient, confirmation: Confirmation | Any, what: str, body: Any = None) -> Any:
    return client.post(f"/api/confirmations/{getattr(confirmation, 'pk', confirmation)}/{what}", body)


def code_of(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["errors"][0]["code"]


def test_a_deletion_waits_and_names_its_tasks(assistant: Assistant, alice: User, client_of: ClientOf) -> None:
    rent = create_task(alice, title="Pay “rent”\n- everything (0)")
    with recorded() as found:
        asked = assistant.question("delete_tasks", task_ids=[rent.pk])
    assert asked.words == f"Move to the trash: 1 task\n- “Pay 'rent' - everything (0)” ({rent.pk})"
    assert fresh(rent).deleted_at is None
    assert found.types == []
    assert not Change.objects.exists()

    answer = decide(client_of(alice), asked, "confirm").json()
    assert (answer["state"], answer["words"], answer["turn_id"]) == (
        "confirmed",
        asked.words,
        str(assistant.turn.pk),
    )
    assert fresh(rent).deleted_at is not None
    assert list(Change.objects.values_list("action", "object_id")) == [("deleted", rent.pk)]


def test_a_repeat_does_nothing_and_answers_the_same(
    assistant: Assistant, alice: User, client_of: ClientOf
) -> None:
    (task,) = tasks_of(alice, 1)
    asked = assistant.question("delete_tasks", task_ids=[task])
    first = decide(client_of(alice), asked, "confirm").json()
    update_task(Task.objects.get(pk=task), deleted_at=None)
    assert decide(client_of(alice), asked, "confirm").json() == first
    assert Task.objects.get(pk=task).deleted_at is None
    assert code_of(decide(client_of(alice), asked, "decline")) == (409, "confirmed")


def test_what_is_declined_is_not_done(assistant: Assistant, alice: User, client_of: ClientOf) -> None:
    (task,) = tasks_of(alice, 1)
    asked = assistant.question("delete_tasks", task_ids=[task])
    Turn.objects.update(state="waiting")
    for _ in range(2):
        assert decide(client_of(alice), asked, "decline").json()["result"] is None
    assert code_of(decide(client_of(alice), asked, "confirm")) == (409, "declined")
    assert Task.objects.get(pk=task).deleted_at is None
    assert Turn.objects.get().state == "done"


def test_a_question_expires(
    assistant: Assistant, alice: User, client_of: ClientOf, clock: time_machine.Traveller
) -> None:
    (task,) = tasks_of(alice, 1)
    asked = assistant.question("delete_tasks", task_ids=[task])
    clock.shift(CONFIRMATION_LIFETIME)
    for what in ("confirm", "decline"):
        assert code_of(decide(client_of(alice), asked, what)) == (409, "expired")
    assert Task.objects.get(pk=task).deleted_at is None


def test_another_s_question_is_as_if_it_were_not(
    assistant: Assistant, alice: User, bob: User, client_of: ClientOf
) -> None:
    (task,) = tasks_of(alice, 1)
    asked = assistant.question("delete_tasks", task_ids=[task])
    for wanted in (asked.pk, uuid4(), "7"):
        for what in ("confirm", "decline"):
            assert decide(client_of(bob), wanted, what).status_code == 404
    assert Confirmation.objects.get().state == "pending"


def test_no_argument_comes_back_from_the_client(
    assistant: Assistant, alice: User, client_of: ClientOf
) -> None:
    one, other = tasks_of(alice, 2)
    asked = assistant.question("delete_tasks", task_ids=[one])
    for body in ({"task_ids": [other]}, {"arguments": {"task_ids": [other]}}, {"words": "nothing"}):
        assert code_of(decide(client_of(alice), asked, "confirm", body)) == (400, "unknown_field")
    assert not Task.objects.exclude(deleted_at=None).exists()


def test_the_sixth_task_of_a_turn_is_asked_for_however_the_calls_are_cut(
    assistant: Assistant, alice: User
) -> None:
    ids = tasks_of(alice, 8)
    for pk in ids[:5]:
        assistant.call("complete_tasks", task_ids=[pk])
    assistant.call("update_tasks", task_ids=ids[:5], pinned=True)
    asked = assistant.question("complete_tasks", task_ids=[ids[5]])
    assert asked.words == f"Complete: 1 task\n- “task 5” ({ids[5]})"
    # A task that is created counts too, and so does a tag.
    assistant.question("create_tasks", tasks=[{"title": "one more"}])
    assistant.new_turn()
    assistant.question("update_tasks", task_ids=ids[:6], priority="High")
    assistant.call("update_tasks", task_ids=ids[:5], priority="High")


def test_tags_count_as_steps(assistant: Assistant, alice: User) -> None:
    assistant.call("create_tasks", tasks=[{"title": "a", "tags": [f"tag {n}" for n in range(6)]}])
    for n in range(4):
        assistant.call("rename_tag", tag=f"tag {n}", new_name=f"name {n}")
    assert "“tag 4”" in assistant.question("rename_tag", tag="tag 4", new_name="x").words


def test_the_words_say_what_changes(assistant: Assistant, alice: User) -> None:
    ids = tasks_of(alice, 6)
    words = assistant.question(
        "update_tasks", task_ids=ids, priority="High", reminder_at="2026-03-03T09:00"
    ).words.split("\n")
    assert words[0] == "Change: 6 tasks"
    assert words[1] == (
        f"- “task 0” ({ids[0]}): reminder none → Tuesday, 03 March 2026 at 09:00; priority Medium → High"
    )
    assert len(words) == 7


def test_names_are_read_once_however_many_tasks_are_named(
    alice: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    before = {"title": "milk", "priority_id": 2, "tag_ids": []}
    after = {"title": "milk", "priority_id": 3, "tag_ids": [Tag.objects.create(user=alice, name="home").pk]}
    with django_assert_num_queries(2):
        words = words_of(alice, [Changed("task", pk, "updated", before, after) for pk in range(9)])
    assert words.count("priority Medium → High; tags none → “home”") == 9


def test_what_would_be_otherwise_by_now_is_not_done(
    assistant: Assistant, alice: User, client_of: ClientOf
) -> None:
    ids = tasks_of(alice, 6)
    asked = assistant.question("delete_tasks", task_ids=ids)
    update_task(Task.objects.get(pk=ids[3]), title="the one that matters")
    assert code_of(decide(client_of(alice), asked, "confirm")) == (409, "changed_since")
    assert not Task.objects.exclude(deleted_at=None).exists()
    assert not ToolCall.objects.exists()


def test_a_wide_snooze_counts_its_minutes_from_the_question(
    assistant: Assistant, alice: User, clock: time_machine.Traveller
) -> None:
    ids = tasks_of(alice, 6)
    asked = assistant.question("snooze_tasks", task_ids=ids, minutes=60)
    clock.shift(timedelta(minutes=10))
    confirm(alice, asked.pk)
    assert {task.snoozed_until for task in Task.objects.all()} == {asked.created_at + timedelta(minutes=60)}


def test_the_same_call_again_is_the_same_question(assistant: Assistant, alice: User) -> None:
    (task,) = tasks_of(alice, 1)
    asked = assistant.question("delete_tasks", "call", task_ids=[task])
    assert assistant.question("delete_tasks", "call", task_ids=[task]).pk == asked.pk


def test_a_call_that_was_carried_out_is_not_again(assistant: Assistant, alice: User) -> None:
    first = assistant.ask("create_tasks", "call", tasks=[{"title": "a"}])
    again = assistant.ask("create_tasks", "call", tasks=[{"title": "a"}])
    assert (dict(again.data), again.is_repeat, first.is_repeat) == (dict(first.data), True, False)
    assert Task.objects.count() == 1


@pytest.mark.parametrize("state", ["done", "failed", "cancelled", "waiting"])
def test_a_turn_that_has_ended_changes_nothing(assistant: Assistant, alice: User, state: str) -> None:
    Turn.objects.update(state=state)
    with pytest.raises(ToolError) as error:
        assistant.ask("create_tasks", tasks=[{"title": "a"}])
    assert error.value.code == "turn_ended"
    assert not Task.objects.exists()


def test_what_a_cancelled_or_undone_turn_asked_is_not_done(
    assistant: Assistant, alice: User, client_of: ClientOf
) -> None:
    ids = tasks_of(alice, 2)
    assistant.call("update_tasks", task_ids=[ids[0]], pinned=True)
    asked = assistant.question("delete_tasks", task_ids=[ids[1]])
    assistant.end_turn()
    undone = client_of(alice).post(f"/api/conversations/{assistant.conversation.pk}/undo")
    assert [thing["id"] for thing in undone.json()["undone"]] == [ids[0]]
    assert code_of(decide(client_of(alice), asked, "confirm")) == (409, "declined")
    assistant.new_turn()
    asked = assistant.question("delete_tasks", task_ids=[ids[1]])
    Turn.objects.filter(pk=assistant.turn.pk).update(state="cancelled")
    assert code_of(decide(client_of(alice), asked, "confirm")) == (409, "turn_ended")


def test_undo_by_the_api(assistant: Assistant, alice: User, bob: User, client_of: ClientOf) -> None:
    (task,) = tasks_of(alice, 1)
    assistant.call("complete_tasks", task_ids=[task])
    turn, url = str(assistant.turn.pk), f"/api/conversations/{assistant.conversation.pk}/undo"
    assert code_of(client_of(alice).post(url)) == (409, "running")
    assistant.end_turn()
    assert client_of(bob).post(url, {"turn_id": turn}).status_code == 404
    assert client_of(alice).post(url, {"turn_id": str(uuid4())}).status_code == 404
    assert client_of(alice).post(url, {"turn_id": turn}).json() == {
        "turn_id": turn,
        "undone": [{"kind": "task", "id": task, "name": "task 0", "action": "completed"}],
        "left": [],
    }
    assert code_of(client_of(alice).post(url, {"turn_id": turn})) == (409, "already_undone")
    assert code_of(client_of(alice).post(url)) == (409, "nothing_to_undo")


@pytest.mark.django_db(transaction=True)
def test_eight_that_confirm_at_once_do_it_once(alice: User) -> None:
    assistant = Assistant(alice)
    asked = assistant.question("delete_tasks", task_ids=tasks_of(alice, 3))

    def press(_: int) -> bool | str:
        try:
            return confirm(alice, asked.pk).is_repeat
        except Conflict as error:
            return str(error.get_codes())
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as presses:
        answers = sorted(presses.map(press, range(8)))
    assert answers == [False] + [True] * 7
    assert Change.objects.count() == 3
    assert set(Task.objects.values_list("version", flat=True)) == {2}


@pytest.mark.django_db(transaction=True)
def test_calls_of_one_answer_at_once_are_counted_together(alice: User) -> None:
    assistant = Assistant(alice)
    ids = tasks_of(alice, 8)

    def step(pk: int) -> str:
        try:
            return type(assistant.ask("complete_tasks", f"call {pk}", task_ids=[pk])).__name__
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as calls:
        answers = sorted(calls.map(step, ids))
    assert answers == ["NeedsConfirmation"] * 3 + ["Result"] * 5
    assert Task.objects.filter(completed=True).count() == 5
