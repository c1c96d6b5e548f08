"""A message becomes a turn: asked, carried out, stored and answered, once."""

import asyncio
import json
import threading
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from http.client import HTTPConnection
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connections, transaction
from django.db.models import QuerySet
from django.test import override_settings
from django.utils import timezone
from rest_framework.exceptions import APIException

from accounts_app.api_tokens import create_api_token
from accounts_app.models import ApiToken, User
from chat_app.language_models import Answer, ModelUnavailable, Prompt
from chat_app.models import Conversation, DayOfUse, Message, Turn
from chat_app.turns import runner
from chat_app.turns.ending import fail, renew_leases
from events_app.models import OutboxEvent
from tasks_app.models import Task
from tasks_app.services import create_task
from tests.acceptance.calls import call
from tests.chat_app.conftest import ScriptedModel, calls
from tests.chat_app.served import Chat, served
from tests.devkit.conftest import wait_until

pytestmark = pytest.mark.django_db(transaction=True)
ChatWith = Callable[[Callable[[Prompt], Any]], Chat]


def echo(prompt: Prompt) -> Answer:
    said = [line.content for line in prompt.lines if line.role == "user"]
    return Answer(f"You said: {said[-1]} ({len(said)})", tokens=7)


def adds_milk(prompt: Prompt) -> Answer:
    """Creates a task, then says what the tool answered."""
    last = prompt.lines[-1]
    if last.role == "user":
        return calls(("create_tasks", {"tasks": [{"title": "milk"}]}), text="I add it.")
    return Answer(f"Added: {json.loads(last.content)['created'][0]['title']}")


def roles() -> list[str]:
    return list(Message.objects.order_by("conversation", "position").values_list("role", flat=True))


def test_a_message_begins_a_conversation_and_the_next_goes_on(alice: User, chat_with: ChatWith) -> None:
    chat = chat_with(echo)
    first = chat.say(alice, "hello  there")
    assert first.status == 200, first.body
    assert first.body == first.body | {"state": "done", "reply": "You said: hello  there (1)", "actions": []}
    assert (first.body["confirmation"], first.body["confirmations"]) == (None, [])
    second = chat.say(alice, "and now", first.body["conversation_id"])
    assert second.body["reply"] == "You said: and now (2)"
    assert second.body["conversation_id"] == first.body["conversation_id"]
    (conversation,) = Conversation.objects.all()
    assert conversation.title == "hello there"
    assert roles() == ["user", "assistant", "user", "assistant"]
    assert list(Turn.objects.values_list("state", flat=True)) == ["done", "done"]
    (used,) = DayOfUse.objects.filter(user=alice)
    assert (used.turns, used.tokens) == (2, 14)


def test_a_step_is_carried_out_and_told(alice: User, chat_with: ChatWith) -> None:
    chat = chat_with(adds_milk)
    answer = chat.say(alice, "add milk").body
    assert answer["reply"] == "I add it.\n\nAdded: milk"
    (action,) = answer["actions"]
    assert (action["tool"], action["state"]) == ("create_tasks", "done")
    assert action["result"]["created"][0]["title"] == "milk"
    (task,) = Task.objects.filter(user=alice)
    assert roles() == ["user", "assistant", "tool", "assistant"]
    (event,) = OutboxEvent.objects.filter(type="task.created")
    assert (event.actor, event.subject) == (f"assistant:{answer['conversation_id']}", str(task.pk))


def test_the_same_turn_as_events(alice: User, chat_with: ChatWith) -> None:
    chat = chat_with(adds_milk)
    events = chat.stream(alice, "add milk")
    assert [each.event for each in events] == ["turn", "text", "step", "step", "text", "done"]
    assert [each.data["state"] for each in events if each.event == "step"] == ["started", "done"]
    assert [each.data["text"] for each in events if each.event == "text"] == ["I add it.", "Added: milk"]
    assert events[-1].data["turn_id"] == events[0].data["turn_id"]
    assert events[-1].data["reply"] == "I add it.\n\nAdded: milk"


def test_a_refused_step_is_said_to_the_model(alice: User, bob: User, chat_with: ChatWith) -> None:
    hers = create_task(bob, title="bob's")

    def script(prompt: Prompt) -> Answer:
        if prompt.lines[-1].role == "user":
            return calls(
                ("complete_tasks", {"task_ids": [hers.pk]}),
                ("no_such_tool", {}),
                ("create_tasks", "not an object"),  # type: ignore[arg-type]
                ("create_tasks", {"tasks": [{"title": "x", "user_id": str(bob.pk)}]}),
            )
        return Answer(" ".join(line.content for line in prompt.lines if line.role == "tool"))

    answer = chat_with(script).say(alice, "complete it").body
    assert [action["state"] for action in answer["actions"]] == ["refused"] * 4
    for code in ("not_found", "unknown_tool", "invalid", "unknown_field"):
        assert code in answer["reply"]
    hers.refresh_from_db()
    assert not hers.completed
    assert Task.objects.count() == 1


def test_a_step_that_asks_does_not_hold_up_the_others(alice: User, chat_with: ChatWith) -> None:
    """Of one answer: what needs no permission is done once, before and after what waits for it."""
    task = create_task(alice, title="old")

    def script(prompt: Prompt) -> Answer:
        assert prompt.lines[-1].role == "user"
        return calls(
            ("create_tasks", {"tasks": [{"title": "one"}]}),
            ("delete_tasks", {"task_ids": [task.pk]}),
            ("create_tasks", {"tasks": [{"title": "two"}]}),
        )

    events = chat_with(script).stream(alice, "tidy up")
    answer = events[-1].data
    assert answer["state"] == "waiting"
    assert [action["state"] for action in answer["actions"]] == ["done", "waiting", "done"]
    assert answer["confirmation"] == answer["confirmations"][0]
    assert "“old”" in answer["confirmation"]["words"]
    assert "“old”" in answer["reply"]
    assert [each.data["id"] for each in events if each.event == "confirmation"] == [
        answer["confirmation"]["id"]
    ]
    open_tasks = Task.objects.filter(user=alice, deleted_at=None)
    assert sorted(open_tasks.values_list("title", flat=True)) == ["old", "one", "two"]
    assert Turn.objects.get().state == "waiting"


def test_what_the_model_writes_can_be_stored(alice: User, chat_with: ChatWith) -> None:
    """A user's words, a title and a line separator of Unicode come back as they were."""
    chat = chat_with(echo)
    text = "“quoted” \u2028 é 漢字 🎉"
    assert chat.stream(alice, text)[-1].data["reply"] == f"You said: {text} (1)"


def test_a_repeat_gets_the_stored_answer(alice: User, bob: User, chat_with: ChatWith) -> None:
    chat = chat_with(adds_milk)
    key = str(uuid4())
    first = chat.say(alice, "add milk", Idempotency_Key=key)
    again = chat.say(alice, "add milk", Idempotency_Key=key)
    assert again.body == first.body
    assert (first.headers["Idempotent-Replayed"], again.headers["Idempotent-Replayed"]) == (None, "true")
    events = chat.stream(alice, "add milk", Idempotency_Key=key)
    assert [each.event for each in events] == ["turn", "done"]
    assert events[-1].data == first.body
    assert Task.objects.count() == 1
    other = chat.say(alice, "add bread", Idempotency_Key=key)
    assert (other.status, other.body["errors"][0]["code"]) == (422, "idempotency_key_reused")
    malformed = chat.say(alice, "add bread", Idempotency_Key="é".encode().decode("latin-1"))
    assert malformed.status == 400
    assert chat.say(bob, "add milk", Idempotency_Key=key).status == 200
    assert Task.objects.filter(user=alice).count() == 1


def test_an_error_keeps_the_message_and_the_same_key_goes_on(alice: User, chat_with: ChatWith) -> None:
    """What was carried out before the error is not carried out again."""
    failing = iter([False, True, False])

    def script(prompt: Prompt) -> Any:
        return ModelUnavailable() if next(failing) else adds_milk(prompt)

    chat, key = chat_with(script), str(uuid4())
    failed = chat.say(alice, "add milk", Idempotency_Key=key)
    assert (failed.status, failed.body["errors"][0]["code"]) == (503, "assistant_unavailable")
    assert failed.headers["Retry-After"] == "5"
    assert roles() == ["user", "assistant", "tool"]
    turn = Turn.objects.get()
    assert (turn.state, turn.error["status"]) == ("failed", 503)
    done = chat.say(alice, "add milk", Idempotency_Key=key)
    assert (done.status, done.body["reply"]) == (200, "Added: milk")
    assert roles() == ["user", "assistant", "tool", "assistant"]
    assert Task.objects.count() == 1


def test_the_client_of_a_turn_that_fails_is_answered_though_its_process_sees_the_failure_first(
    alice: User, chat_with: ChatWith, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = threading.Semaphore(0)

    def look(turn_ids: Collection[UUID]) -> set[UUID]:
        if stopped := renew_leases(turn_ids):
            looks.release()
        return stopped

    def fail_slowly(turns: QuerySet[Turn], error: APIException) -> bool:
        ended = fail(turns, error)
        for _ in range(2):  # at the second, what the first led to is done
            looks.acquire(timeout=5)
        return ended

    monkeypatch.setattr(runner, "WATCH_SECONDS", 0.01)
    monkeypatch.setattr(runner, "renew_leases", look)
    monkeypatch.setattr(runner, "fail", fail_slowly)
    assert chat_with(lambda _prompt: ModelUnavailable()).say(alice, "hello").status == 503


def test_a_turn_that_failed_and_was_undone_does_not_go_on(
    alice: User, chat_with: ChatWith, client_of: Any
) -> None:
    def script(prompt: Prompt) -> Answer | ModelUnavailable:
        return adds_milk(prompt) if prompt.lines[-1].role == "user" else ModelUnavailable()

    chat, key = chat_with(script), str(uuid4())
    assert chat.say(alice, "add milk", Idempotency_Key=key).status == 503
    undo = client_of(alice).post(f"/api/conversations/{Conversation.objects.get().pk}/undo")
    assert undo.status_code == 200, undo.json()
    again = chat.say(alice, "add milk", Idempotency_Key=key)
    assert (again.status, again.body["errors"][0]["code"]) == (409, "turn_undone")
    assert not Task.objects.filter(deleted_at=None).exists()


def test_an_error_as_an_event(alice: User, chat_with: ChatWith) -> None:
    events = chat_with(lambda prompt: ModelUnavailable()).stream(alice, "hello")
    assert [each.event for each in events] == ["turn", "error"]
    error = events[-1].data
    assert (error["status"], error["retry_after"], error["type"]) == (503, 5, "server_error")
    assert error["errors"][0]["code"] == "assistant_unavailable"


def test_a_bug_in_a_turn_is_a_500_and_ends_it(alice: User, chat_with: ChatWith) -> None:
    chat = chat_with(lambda prompt: ValueError("secret"))
    answer = chat.say(alice, "hello")
    assert answer.status == 500
    assert "secret" not in answer.content.decode()
    assert Turn.objects.get().state == "failed"


class Gate:
    """A model that answers when it is let."""

    def __init__(self) -> None:
        self.asked, self.opened = threading.Event(), threading.Event()

    async def __call__(self, prompt: Prompt) -> Answer:
        self.asked.set()
        while not self.opened.is_set():
            await asyncio.sleep(0.005)
        return echo(prompt)


def test_one_turn_at_a_time(alice: User, chat_with: ChatWith) -> None:
    gate = Gate()
    chat, key = chat_with(gate), str(uuid4())
    conversation = Conversation.objects.create(user=alice)
    chat.token(alice)
    with ThreadPoolExecutor() as pool:
        first = pool.submit(chat.say, alice, "one", conversation.pk, Idempotency_Key=key)
        assert gate.asked.wait(60)
        for again in (
            chat.say(alice, "two", conversation.pk),
            chat.say(alice, "one", conversation.pk, Idempotency_Key=key),
        ):
            assert (again.status, again.body["errors"][0]["code"]) == (409, "turn_running")
        gate.opened.set()
        assert first.result().status == 200
    assert chat.say(alice, "two", conversation.pk).status == 200
    assert roles() == ["user", "assistant"] * 2


def test_two_tabs_send_the_same_at_once(alice: User, chat_with: ChatWith) -> None:
    """With one key it is one turn; the other gets a 409, or the answer."""
    chat, key = chat_with(adds_milk), str(uuid4())
    chat.token(alice)
    with ThreadPoolExecutor(3) as pool:
        answers = list(pool.map(lambda _: chat.say(alice, "add milk", Idempotency_Key=key), range(3)))
    assert {answer.status for answer in answers} <= {200, 409}
    assert any(answer.status == 200 for answer in answers)
    assert Task.objects.count() == 1
    assert Conversation.objects.count() == 1


def test_the_turn_goes_on_when_its_client_leaves(alice: User, chat_with: ChatWith) -> None:
    gate = Gate()
    chat, key = chat_with(gate), str(uuid4())
    with chat.following(alice, "hello", Idempotency_Key=key) as events:
        assert next(events).event == "turn"
        assert gate.asked.wait(60)
    gate.opened.set()
    wait_until(lambda: Turn.objects.get().state == "done")
    answer = chat.say(alice, "hello", Idempotency_Key=key)
    assert (answer.status, answer.body["reply"]) == (200, "You said: hello (1)")


def test_cancelling(alice: User, bob: User, chat_with: ChatWith, client_of: Any) -> None:
    gate = Gate()
    chat, key = chat_with(gate), str(uuid4())
    conversation = Conversation.objects.create(user=alice)
    url = f"/api/conversations/{conversation.pk}"
    chat.token(alice)
    with ThreadPoolExecutor() as pool:
        first = pool.submit(chat.say, alice, "one", conversation.pk, Idempotency_Key=key)
        assert gate.asked.wait(60)
        assert client_of(alice).delete(url).status_code == 409
        assert client_of(bob).post(f"{url}/cancel").status_code == 404
        assert client_of(alice).post(f"{url}/cancel").json() == {"cancelled": True}
        answer = first.result(120)
    assert (answer.status, answer.body["errors"][0]["code"]) == (409, "turn_cancelled")
    assert client_of(alice).post(f"{url}/cancel").json() == {"cancelled": False}
    again = chat.say(alice, "one", conversation.pk, Idempotency_Key=key)
    assert (again.status, again.body["errors"][0]["code"]) == (409, "turn_cancelled")
    gate.opened.set()
    assert chat.say(alice, "two", conversation.pk).status == 200
    assert roles() == ["user", "user", "assistant"]


def test_no_step_follows_a_cancellation(alice: User, chat_with: ChatWith) -> None:
    """Not even before its process has noticed."""

    def script(prompt: Prompt) -> Answer:
        Turn.objects.update(state="cancelled")
        connections.close_all()  # this thread's
        return adds_milk(prompt)

    answer = chat_with(lambda prompt: asyncio.to_thread(script, prompt)).say(alice, "add milk")
    assert (answer.status, answer.body["errors"][0]["code"]) == (409, "turn_cancelled")
    assert not Task.objects.exists()


def test_a_turn_whose_process_died_is_over_after_its_lease(alice: User, chat_with: ChatWith) -> None:
    chat = chat_with(echo)
    conversation = Conversation.objects.create(user=alice)
    lease = timezone.now() + timedelta(seconds=30)
    left = Turn.objects.create(user=alice, conversation=conversation, lease_until=lease)
    assert chat.say(alice, "hello", conversation.pk).status == 409
    Turn.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert chat.say(alice, "hello", conversation.pk).status == 200
    left.refresh_from_db()
    assert (left.state, left.error["body"]["errors"][0]["code"]) == ("failed", "turn_interrupted")


def test_a_process_that_stops_ends_its_turns(alice: User, monkeypatch: Any) -> None:
    gate = Gate()
    monkeypatch.setattr(runner, "create_model", lambda: ScriptedModel(gate))
    with ThreadPoolExecutor() as pool:
        with served() as chat:
            chat.token(alice)
            answer = pool.submit(chat.say, alice, "hello")
            assert gate.asked.wait(60)
        assert (answer.result().status, answer.result().body["errors"][0]["code"]) == (
            503,
            "turn_interrupted",
        )
    assert Turn.objects.get().state == "failed"


def test_a_turn_that_never_ends(alice: User, chat_with: ChatWith) -> None:
    chat = chat_with(lambda prompt: calls(("list_tags", {})))
    with override_settings(ASSISTANT_TURN_REQUESTS=3):
        answer = chat.say(alice, "loop")
    assert (answer.status, answer.body["errors"][0]["code"]) == (503, "turn_too_long")
    assert roles() == ["user", *["assistant", "tool"] * 3]
    gate = Gate()
    with override_settings(ASSISTANT_TURN_SECONDS=0.05):
        answer = chat_with(gate).say(alice, "hang")
    assert (answer.status, answer.body["errors"][0]["code"]) == (503, "turn_too_long")


def test_limits(alice: User, bob: User, chat_with: ChatWith) -> None:
    chat = chat_with(echo)
    with override_settings(ASSISTANT_TOKENS_PER_DAY=10):
        assert [chat.say(alice, "hello").status for _ in range(3)] == [200, 200, 429]
        assert chat.say(bob, "hello").status == 200
    with override_settings(ASSISTANT_TURNS_PER_DAY=2):
        refused = chat.say(alice, "hello")
    assert (refused.status, refused.body["errors"][0]["code"]) == (429, "assistant_limit")
    assert 0 < int(refused.headers["Retry-After"]) <= 86_400
    assert Message.objects.filter(conversation__user=alice).count() == 4
    with override_settings(ASSISTANT_TURNS_PER_USER=0):
        assert chat.say(alice, "hello").body["errors"][0]["code"] == "too_many_turns"
    with override_settings(ASSISTANT_TURNS=0):
        full = chat.say(alice, "hello")
    assert (full.status, full.body["errors"][0]["code"]) == (503, "assistant_full")
    assert chat.say(alice, "hello").status == 200


BAD: list[tuple[Any, int, str]] = [
    ({}, 400, "required"),
    ({"message": ""}, 400, "blank"),
    ({"message": "x" * 4_001}, 400, "max_length"),
    ({"message": 5}, 400, "invalid"),
    ({"message": "a\0b"}, 400, "null_characters_not_allowed"),
    ({"message": "x", "model": "mine"}, 400, "unknown_field"),
    ({"message": "x", "conversation_id": "7"}, 400, "invalid"),
    ({"message": "x", "conversation_id": str(uuid4())}, 404, "not_found"),
    ([], 400, "parse_error"),
    ({"message": "x" * 70_000}, 413, "body_too_large"),
]


@transaction.atomic
def token_with(user: User, *scopes: str) -> tuple[ApiToken, str]:
    return create_api_token(user, name=scopes[0], scopes=[*scopes], expires_at=None)


def test_bad_requests(alice: User, bob: User, chat_with: ChatWith) -> None:
    chat = chat_with(echo)
    hers = Conversation.objects.create(user=bob)
    bad = [*BAD, ({"message": "x", "conversation_id": str(hers.pk)}, 404, "not_found")]
    for body, status, code in bad:
        answer = chat.post(alice, body)
        assert (answer.status, answer.body["errors"][0]["code"]) == (status, code), (body, answer.body)
    token = chat.token(alice)
    for method, status in (("GET", 405), ("DELETE", 405), ("PUT", 405)):
        assert call(chat.port, method, "/api/chat", token=token).status == status
    assert call(chat.port, "POST", "/api/chat?x=1", {"message": "x"}, token=token).status == 400
    assert chat.say(alice, "x", Accept="image/png").status == 406
    assert call(chat.port, "POST", "/api/chat", {"message": "x"}).status == 401
    written, writing = token_with(alice, "read", "write")
    for scope in ("read", "write"):  # it writes, and its answer may show any task
        refused = call(chat.port, "POST", "/api/chat", {"message": "x"}, token=token_with(alice, scope)[1])
        assert (refused.status, refused.body["errors"][0]["code"]) == (403, "scope_missing")
    assert call(chat.port, "POST", "/api/chat", {"message": "x"}, token=writing).status == 200
    written.refresh_from_db()
    assert written.last_used_at is not None
    assert Message.objects.count() == 2
    assert not hers.messages.exists()


def test_a_body_in_chunks(alice: User, chat_with: ChatWith) -> None:
    chat = chat_with(echo)
    connection = HTTPConnection("127.0.0.1", chat.port, timeout=60)
    headers = {"Authorization": f"Bearer {chat.token(alice)}", "Content-Type": "application/json"}
    connection.request("POST", "/api/chat", iter([b'{"mess', b'age": "x"}']), headers, encode_chunked=True)
    response = connection.getresponse()
    assert (response.status, json.load(response)["reply"]) == (200, "You said: x (1)")
    connection.close()


@pytest.mark.usefixtures("clock")  # an hour may end in between
def test_the_throttle_of_writes_counts(alice: User, chat_with: ChatWith) -> None:
    chat = chat_with(echo)
    with override_settings(THROTTLE_RATES={"writes": "2/h"}):
        answers = [chat.say(alice, "hello") for _ in range(3)]
    assert [answer.status for answer in answers] == [200, 200, 429]
    assert answers[0].headers["RateLimit"].startswith('"writes";r=1')
