"""What a user decides afterwards stands in the history that the model reads next."""

import json
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from accounts_app.models import User
from chat_app.history import DECLINED, EXPIRED
from chat_app.language_models import Answer, Line, Prompt, ToolCall
from chat_app.models import Confirmation, Turn
from chat_app.retention import purge_conversations
from chat_app.tools.calling import CONFIRMATION_LIFETIME
from chat_app.turns.steps import WAITS
from chat_app.undo import UNDONE
from tasks_app.models import Task
from tasks_app.services import create_task, update_task
from tests.chat_app.loop import turn

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]


class Talk:
    """A conversation of a user with a model that calls what a test says."""

    def __init__(self, user: User, client: APIClient) -> None:
        self.user, self.client = user, client
        self.conversation: Any = None

    def turn(self, *calls: ToolCall) -> None:
        """A turn in which the model calls these, and then is done or waits."""
        answers = iter([Answer("", list(calls)), Answer("Done.")])
        said = turn(self.user, "do it", self.conversation, model=lambda _prompt: next(answers))
        self.conversation = said["conversation_id"]

    def next_prompt(self) -> Prompt:
        """What the model is shown with the user's next message."""
        prompts: list[Prompt] = []

        def model(prompt: Prompt) -> Answer:
            prompts.append(prompt)
            return Answer("Yes.")

        turn(self.user, "and now?", self.conversation, model=model)
        return prompts[0]

    def results(self) -> dict[str, str]:
        """What the next prompt has for each call."""
        lines: list[Line] = self.next_prompt().lines
        return {line.call_id: line.content for line in lines if line.role == "tool"}

    def post(self, url: str) -> Any:
        answer = self.client.post(url)
        assert answer.status_code == 200, answer.json()
        return answer.json()

    def decide(self, call_id: str, what: str) -> None:
        self.post(f"/api/confirmations/{Confirmation.objects.get(call_id=call_id).pk}/{what}")

    def undo(self) -> Any:
        return self.post(f"/api/conversations/{self.conversation}/undo")


@pytest.fixture
def talk(alice: User, client_of: Any) -> Talk:
    return Talk(alice, client_of(alice))


def deletes(call_id: str, *tasks: Task) -> ToolCall:
    return ToolCall(call_id, "delete_tasks", {"task_ids": [task.pk for task in tasks]})


def creates(call_id: str, title: str) -> ToolCall:
    return ToolCall(call_id, "create_tasks", {"tasks": [{"title": title}]})


def test_what_was_allowed_and_what_was_not(talk: Talk, alice: User) -> None:
    rent, plants, open_one = (create_task(alice, title=title) for title in ("rent", "plants", "open"))
    talk.turn(deletes("a", rent), creates("b", "milk"), deletes("c", plants), deletes("d", open_one))
    before = talk.results()
    assert (before["a"], before["c"], before["d"]) == (WAITS, WAITS, WAITS)
    talk.decide("a", "confirm")
    talk.decide("c", "decline")
    after = talk.results()
    assert [task["title"] for task in json.loads(after["a"])["tasks"]] == ["rent"]
    assert (after["b"], after["c"], after["d"]) == (before["b"], DECLINED, WAITS)
    # A repeat says nothing else.
    talk.decide("a", "confirm")
    assert talk.results() == after


def test_what_was_not_answered_in_time(talk: Talk, alice: User, clock: time_machine.Traveller) -> None:
    rent, plants = (create_task(alice, title=title) for title in ("rent", "plants"))
    talk.turn(deletes("a", rent))
    clock.shift(CONFIRMATION_LIFETIME / 2)
    talk.turn(deletes("b", plants))
    clock.shift(CONFIRMATION_LIFETIME / 2)
    assert talk.results() == {"a": EXPIRED, "b": WAITS}
    assert list(Confirmation.objects.values_list("call_id", "state")) == [("b", "pending"), ("a", "expired")]


def test_what_was_not_answered_in_a_conversation_that_does_not_go_on(
    talk: Talk, alice: User, clock: time_machine.Traveller
) -> None:
    talk.turn(deletes("a", create_task(alice, title="rent")))
    purge_conversations()
    assert Confirmation.objects.get().state == "pending"
    clock.shift(CONFIRMATION_LIFETIME)
    purge_conversations()
    assert (Confirmation.objects.get().state, Turn.objects.get().state) == ("expired", "done")
    assert talk.results() == {"a": EXPIRED}


def test_an_undo(talk: Talk, alice: User) -> None:
    rent = create_task(alice, title="rent")
    talk.turn(
        creates("a", "milk"),
        creates("b", "bread"),
        ToolCall("c", "list_tasks", {}),
        ToolCall("d", "complete_tasks", {"task_ids": [-1]}),
        deletes("e", rent),
    )
    before = talk.results()
    update_task(Task.objects.get(title="bread"), title="rye bread")
    talk.undo()
    after = talk.results()
    bread = Task.objects.get(title="rye bread")
    left = f"{UNDONE}, except: task {bread.pk} “rye bread” (changed_since)."
    for call_id in ("a", "b"):
        assert json.loads(after[call_id]) == {"undone": left, **json.loads(before[call_id])}
    # What changed nothing stays as it was, and what waited is not allowed any more.
    assert (after["c"], after["d"], after["e"]) == (before["c"], before["d"], DECLINED)


def test_an_undo_of_what_was_allowed(talk: Talk, alice: User) -> None:
    rent = create_task(alice, title="rent")
    talk.turn(deletes("a", rent))
    talk.decide("a", "confirm")
    allowed = json.loads(talk.results()["a"])
    talk.turn(creates("b", "milk"))
    second = talk.results()["b"]
    talk.undo()
    assert json.loads(talk.results()["b"]) == {"undone": f"{UNDONE}.", **json.loads(second)}
    assert json.loads(talk.results()["a"]) == allowed
    talk.undo()
    assert json.loads(talk.results()["a"]) == {"undone": f"{UNDONE}.", **allowed}


def test_the_user_reads_it_too(talk: Talk, clock: time_machine.Traveller) -> None:
    talk.turn(creates("a", "milk"))
    talk.undo()
    messages = talk.client.get(f"/api/conversations/{talk.conversation}/messages").json()["results"]
    (result,) = [each for each in messages if each["role"] == "tool"]
    assert UNDONE in result["content"]


def test_an_undo_of_many_calls_asks_for_messages_as_often_as_of_one(talk: Talk) -> None:
    def queries(first: int, calls: int) -> int:
        talk.turn(*(creates(f"call {first + n}", "milk") for n in range(calls)))
        with CaptureQueriesContext(connection) as found:
            talk.undo()
        return len([query for query in found if '"messages"' in query["sql"]])

    assert queries(0, 1) == queries(10, 5)
