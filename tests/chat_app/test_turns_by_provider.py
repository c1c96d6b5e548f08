"""Whole turns through the real client libraries, against servers that speak their protocols."""

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
from django.test import override_settings

from accounts_app.models import User
from chat_app.models import Message, Turn
from tasks_app.models import Task
from tests.chat_app.conftest import chat_by_provider
from tests.chat_app.provider_servers import SIGNATURE, Call, Say, Seen

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]
PROTOCOLS = ["openai", "google", "anthropic"]


def adds(seen: Seen) -> Say:
    """Adds what the user names, lists, and says how many results it got."""
    if not seen.results:
        return Say("I add it.", [Call("create_tasks", {"tasks": [{"title": seen.asked}]})])
    if len(seen.results) == 1:
        return Say(calls=[Call("list_tasks", {}), Call("list_tags", {})])
    return Say(f"Done: {seen.asked}, {len(seen.results)} results, with two lists.")


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_whole_loop(protocol: str, alice: User) -> None:
    with chat_by_provider(protocol, adds) as (chat, server):
        events = chat.stream(alice, "milk")
        done = events[-1].data
        assert done["reply"] == "I add it.\n\nDone: milk, 3 results, with two lists."
        names = [each.event for each in events]
        assert (names[0], names[-1], names.count("step")) == ("turn", "done", 6)
        assert names.count("text") > 4
        pieces = [each.data["text"] for each in events if each.event == "text"]
        assert "".join(pieces) == done["reply"].replace("\n\n", "")
        again = chat.say(alice, "bread", done["conversation_id"])
        assert again.body["reply"].startswith("I add it.")
    assert sorted(Task.objects.values_list("title", flat=True)) == ["bread", "milk"]
    last = server.seen[-1]
    assert {"create_tasks", "list_tasks", "delete_tasks"} <= set(last.tools)
    # The whole conversation went along, with what only the provider understands.
    assert [text for role, text in last.lines if role == "user"] == ["milk", "bread"]
    assert (json.dumps(last.body).count(SIGNATURE)) == (6 if protocol == "google" else 0)
    assert list(Turn.objects.values_list("state", flat=True)) == ["done", "done"]
    assert Message.objects.filter(tokens_used=100).count() == 6


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("turns", [8, pytest.param(80, marks=pytest.mark.faults)])
def test_many_turns_eight_at_once(turns: int, protocol: str, alice: User, bob: User) -> None:
    users = [alice, bob, *(User.objects.create_user(f"{n}@example.test", "x") for n in range(6))]

    with (
        override_settings(ASSISTANT_TURNS_PER_USER=8),
        chat_by_provider(protocol, adds) as (chat, _server),
    ):
        for user in users:
            chat.token(user)
        wanted = [(users[n % 8], f"task {n}") for n in range(turns)]
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda one: chat.say(*one), wanted))
    assert Counter(answer.status for answer in answers) == {200: turns}
    for (user, title), answer in zip(wanted, answers, strict=True):
        assert f"Done: {title}, 3 results" in answer.body["reply"]
        assert Task.objects.get(title=title).user == user
    assert Task.objects.count() == turns


FAULTS = ["401", "429", "500", "garbage", "half", "drop", "empty", "length", "hang", "stall"]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_no_error_is_taken_for_an_answer_and_the_message_is_kept(protocol: str, alice: User) -> None:
    """In the middle of a turn, with a call in the half that came. The same key then goes on."""
    wrong: set[str] = set()

    def script(seen: Seen) -> Say:
        fault, title = seen.asked.split()
        create = Call("create_tasks", {"tasks": [{"title": title}]})
        if not seen.results:
            return Say(calls=[create])
        if fault not in wrong:
            wrong.add(fault)
            return Say("I did every", [create], fault=fault)
        return Say("Done.")

    with (
        override_settings(ASSISTANT_RETRIES=0, ASSISTANT_SILENCE_SECONDS=10.0, ASSISTANT_TURNS_PER_USER=20),
        chat_by_provider(protocol, script) as (chat, _server),
    ):
        chat.token(alice)
        keys = {fault: str(uuid4()) for fault in FAULTS}

        def say(fault: str) -> tuple[int, str]:
            answer = chat.say(alice, f"{fault} of-{fault}", Idempotency_Key=keys[fault])
            body = answer.body
            return answer.status, body["errors"][0]["code"] if answer.status != 200 else body["reply"]

        with ThreadPoolExecutor(len(FAULTS)) as pool:
            first = dict(zip(FAULTS, pool.map(say, FAULTS), strict=True))
        assert {status for status, _code in first.values()} == {503}, first
        assert (first["401"][1], first["429"][1]) == ("assistant_misconfigured", "assistant_busy")
        assert first["length"][1] == "assistant_cut"
        with ThreadPoolExecutor(4) as pool:
            assert set(pool.map(say, FAULTS)) == {(200, "Done.")}
    assert Task.objects.count() == len(FAULTS)
    assert set(Message.objects.filter(role="user").values_list("content", flat=True)) == {
        f"{fault} of-{fault}" for fault in FAULTS
    }
    assert Message.objects.filter(role="user").count() == len(FAULTS)
