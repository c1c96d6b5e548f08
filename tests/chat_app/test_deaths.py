"""What may die in the middle of a turn: its process, and the state store. No step happens twice."""

import json
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from http.client import HTTPException
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection, transaction

from accounts_app.models import User
from chat_app.models import Conversation, Message, ToolCall, Turn
from devkit.embedded.places import Places
from devkit.embedded.valkey import Valkey
from events_app.models import OutboxEvent
from tasks_app.models import Task
from tasks_app.services import create_task
from tests.acceptance.processes import eventually
from tests.chat_app.provider_servers import Call, ProviderServer, Say, Seen, provider_server, settings_of
from tests.chat_app.served import Chat
from tests.sync_app.conftest import StreamServer, stream_server

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

LEASE_SECONDS = 8  # a busy machine must come to renew it
# A turn whose state store is away: the longest of some waits, each of a few tenths of a second; and a busy
# machine.
LONGEST_SECONDS = 60.0


class Stage:
    """The stream's process with a language model and a state store of its own."""

    def __init__(self, places: Places, provider: ProviderServer) -> None:
        self.provider, self.valkey = provider, Valkey(places, durable=False)
        self._processes = ExitStack()

    @contextmanager
    def running(self) -> Iterator["Stage"]:
        self.start_valkey()
        try:
            with self._processes:
                self.start()
                yield self
        finally:
            self.valkey.stop()

    def start_valkey(self) -> None:
        self.valkey.start()
        self.valkey.wait_until_ready()

    def start(self) -> None:
        surroundings = {
            **settings_of("openai", self.provider.url),
            "ASSISTANT_RETRIES": "0",
            "ASSISTANT_LEASE_SECONDS": str(LEASE_SECONDS),
            "REDIS_URL": self.valkey.url,
        }
        self.server: StreamServer = self._processes.enter_context(stream_server(**surroundings))
        self.chat = Chat(self.server.port)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory, django_db_setup: None) -> Iterator[Stage]:
    places = Places(data=Path(tmp_path_factory.mktemp("deaths")) / "data")
    places.make()
    with (
        provider_server("openai", lambda seen: Say("Hello.")) as provider,
        Stage(places, provider).running() as stage,
    ):
        yield stage


def created(user: User) -> dict[str, int]:
    """How many tasks of each title the user has; each was created with one event."""
    titles = {str(pk): title for pk, title in Task.objects.filter(user=user).values_list("pk", "title")}
    events = OutboxEvent.objects.filter(type="task.created").values_list("subject", flat=True)
    assert sorted(events) == sorted(titles)
    return dict(Counter(titles.values()))


def waits_for_a_lock() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock')"
        )
        return bool(cursor.fetchone()[0])


def test_its_process_is_killed(stage: Stage, alice: User) -> None:
    """With three turns: one waits for the first answer, one for the next, and one is in its second step."""
    held = create_task(alice, title="held")
    is_hanging = True

    def script(seen: Seen) -> Say:
        create = Call("create_tasks", {"tasks": [{"title": seen.asked}]})
        complete = Call("complete_tasks", {"task_ids": [held.pk]})
        wanted = len(seen.results)
        if is_hanging and (seen.asked, wanted) in (("first answer", 0), ("next answer", 1)):
            return Say(fault="hang")
        if seen.asked == "second step":
            if not seen.results:
                return Say(calls=[create, complete])
            if any(text.startswith("Not carried out") for text in seen.results[-1:]):
                return Say(calls=[complete])
        return Say("Done.") if seen.results else Say(calls=[create])

    stage.provider.script, stage.provider.seen = script, []
    keys = {name: str(uuid4()) for name in ("first answer", "next answer", "second step")}
    conversations = {name: Conversation.objects.create(user=alice).pk for name in keys}

    def say(name: str) -> Any:
        return stage.chat.say(alice, name, conversations[name], Idempotency_Key=keys[name])

    def say_into_the_void(name: str) -> str:
        try:
            return str(say(name).status)
        except (OSError, HTTPException):
            return "no answer"

    stage.chat.token(alice)
    with ThreadPoolExecutor(len(keys)) as pool:
        with transaction.atomic():
            Task.objects.filter(pk=held.pk).select_for_update().get()
            answers = [pool.submit(say_into_the_void, name) for name in keys]
            eventually(lambda: ToolCall.objects.count() == 2 and waits_for_a_lock())
            eventually(
                lambda: (
                    {("first answer", 0), ("next answer", 1)}
                    <= {(seen.asked, len(seen.results)) for seen in stage.provider.seen}
                )
            )
            stage.server.process.kill()
            stage.server.process.wait()
        assert [answer.result() for answer in answers] == ["no answer"] * 3
    assert created(alice) == {"held": 1, "next answer": 1, "second step": 1}
    assert set(Turn.objects.values_list("state", flat=True)) == {"running"}

    is_hanging = False
    stage.start()
    stage.chat.token(alice)
    done: dict[str, Any] = {}

    def are_answered() -> bool:
        for name in keys.keys() - done.keys():
            answer = say(name)
            if answer.status != 409:
                done[name] = answer
            else:  # its lease has not passed
                assert answer.body["errors"][0]["code"] == "turn_running"
        return len(done) == len(keys)

    eventually(are_answered)
    for name, answer in done.items():
        assert (answer.status, answer.body["reply"]) == (200, "Done."), name
    assert created(alice) == {"held": 1, **dict.fromkeys(keys, 1)}
    assert OutboxEvent.objects.filter(type="task.completed", subject=str(held.pk)).count() == 1
    assert Message.objects.filter(role="user").count() == len(keys)
    # The answer stays that of the key, and the conversations go on.
    assert say("next answer").body == done["next answer"].body
    goes_on = stage.chat.say(alice, "something else", conversations["second step"])
    assert (goes_on.status, goes_on.body["reply"]) == (200, "Done.")
    assert created(alice) == {"held": 1, **dict.fromkeys(keys, 1), "something else": 1}


def test_the_state_store_is_killed(stage: Stage, alice: User) -> None:
    """The turn ends well, and the next one reads its history from PostgreSQL."""

    def script(seen: Seen) -> Say:
        if not seen.results:
            return Say(calls=[Call("create_tasks", {"tasks": [{"title": seen.asked}]})])
        if len(seen.results) == 1:
            if seen.asked == "milk":
                assert stage.valkey.process
                stage.valkey.process.kill()
                stage.valkey.process.wait()
            made = json.loads(seen.results[0])["created"][0]["id"]
            return Say(calls=[Call("complete_tasks", {"task_ids": [made]})])
        return Say("Done.")

    stage.provider.script, stage.provider.seen = script, []
    first = stage.chat.say(alice, "milk")
    assert (first.status, first.body["reply"]) == (200, "Done.")
    began = time.monotonic()
    second = stage.chat.say(alice, "bread", first.body["conversation_id"])
    assert (second.status, second.body["reply"]) == (200, "Done.")
    assert time.monotonic() - began < LONGEST_SECONDS
    last = stage.provider.seen[-1]
    assert [text for role, text in last.lines if role == "user"] == ["milk", "bread"]
    assert created(alice) == {"milk": 1, "bread": 1}
    assert OutboxEvent.objects.filter(type="task.completed").count() == 2
    stage.start_valkey()
    assert stage.chat.say(alice, "butter", first.body["conversation_id"]).status == 200
    assert created(alice) == {"milk": 1, "bread": 1, "butter": 1}
