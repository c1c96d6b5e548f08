"""Two things at once, in the order that is hardest: nothing happens twice, is left over, or is a 500."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection, connections, transaction
from rest_framework.exceptions import NotFound

from accounts_app.erasure import close_account, erase_closed_accounts
from accounts_app.models import User
from chat_app.confirmations import confirm, decline
from chat_app.history import DECLINED, lines_of, newest_lines
from chat_app.language_models import Answer
from chat_app.models import Conversation, Turn
from chat_app.turns import runner
from chat_app.turns.beginning import Begun, Repeat, begin
from chat_app.turns.loop import Event
from chat_app.turns.runner import Runner
from chat_app.turns.steps import store_answer
from state_store import conversations, keys
from state_store.client import store
from state_store.pause import Pause
from tasks_app.models import Task
from tests.chat_app.assistants import Assistant
from tests.chat_app.conftest import ScriptedModel
from tests.chat_app.loop import turn
from tests.devkit.conftest import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversations, "pause", Pause())


@contextmanager
def beside(function: Callable[[], Any]) -> Iterator[Any]:
    """The block runs in a transaction, in which it locks; the function begins then, and waits for its end."""

    def call() -> Any:
        try:
            return function()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool, transaction.atomic():
        yield lambda: pool.submit(call)
        wait_until(someone_waits)


def someone_waits() -> bool:
    """Whether another connection waits for a lock of this one."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT 1 FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid))"
        )
        return cursor.fetchone() is not None


@pytest.mark.parametrize("decide", [confirm, decline])
def test_a_question_of_a_conversation_that_is_being_deleted(alice: User, decide: Any) -> None:
    assistant = Assistant(alice)
    asked = assistant.question("delete_tasks", task_ids=[Task.objects.create(user=alice, title="milk").pk])
    assistant.end_turn()
    with beside(lambda: decide(alice, asked.pk)) as begin_it:
        Conversation.objects.get().delete()
        answer = begin_it()
    with pytest.raises(NotFound):
        answer.result()
    assert Task.objects.get().deleted_at is None


def test_a_repeat_that_waits_for_the_end_of_its_turn(alice: User) -> None:
    """It is answered, and not begun a second time."""
    say = {"conversation_id": None, "key": str(uuid4()), "request_hash": "hash"}
    begun = begin(alice, "add milk", **say)
    assert isinstance(begun, Begun)
    with beside(lambda: begin(alice, "add milk", **say)) as begin_it:
        store_answer(begun, Answer("Added."), result={"reply": "Added.", "state": "done"})
        answer = begin_it()
    assert answer.result() == Repeat({"reply": "Added.", "state": "done"})
    assert Turn.objects.get().state == "done"


def test_what_is_decided_during_the_next_turn_is_in_the_copy(alice: User) -> None:
    Task.objects.create(user=alice, title="milk")
    asked = turn(alice, "delete milk")
    conversation = asked["conversation_id"]
    begun = begin(alice, "hello", conversation_id=Conversation.objects.get(pk=conversation).pk)
    assert isinstance(begun, Begun)
    decline(alice, asked["confirmation"]["id"])
    store_answer(begun, Answer("Hi."), result={"reply": "Hi.", "state": "done"})
    row = Conversation.objects.get(pk=conversation)
    assert store().exists(keys.conversation(row.pk))
    assert DECLINED in [line.content for line in lines_of(row)]
    assert lines_of(row) == newest_lines(row)


def test_no_copy_outlives_its_account(alice: User) -> None:
    conversation = turn(alice, "hello")["conversation_id"]
    assert store().exists(keys.conversation(conversation))
    close_account(alice)
    while erase_closed_accounts():
        pass
    assert not Conversation.objects.exists()
    assert not store().exists(keys.conversation(conversation))


def test_a_turn_that_is_begun_again_before_its_error_was_told(alice: User, monkeypatch: Any) -> None:
    """The places of both are given back, and the second goes on under its own lease."""
    monkeypatch.setattr(runner, "create_model", lambda: ScriptedModel(lambda prompt: Answer("Hi.")))
    here, ended = Runner(), [threading.Event(), threading.Event()]
    begun = begin(alice, "hello", conversation_id=None)
    assert isinstance(begun, Begun)
    second = here.take_place(alice.pk)

    def tell_first(event: Event) -> None:
        # It has ended in the database, so its client may send the message again.
        here.start(begun, second, lambda event: ended[1].set() if event.name in ("done", "error") else None)
        ended[0].set()

    try:
        here.start(begun, here.take_place(alice.pk), lambda e: tell_first(e) if e.name == "done" else None)
        assert all(one.wait(60) for one in ended)
        wait_until(lambda: not here._turns and not here._places)
    finally:
        here.close()
        connections.close_all()
