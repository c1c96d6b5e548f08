"""Retries and concurrent writers against a real web server, which may be killed in the worst moment.

`./todo test tests/acceptance/test_retries.py -m slow -s` prints what was answered.
"""

import json
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException
from pathlib import Path
from threading import Barrier

import pytest

from accounts_app import sign_ins
from accounts_app.models import User
from devkit.embedded.ports import free_port
from events_app.models import OutboxEvent
from http_app.models import IdempotencyKey
from tasks_app.models import Task
from tests.acceptance.calls import call
from tests.acceptance.processes import eventually
from tests.acceptance.web import UNLIMITED, web

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

Answer = tuple[int, bytes]
CALLERS = 50
DYING = "tests.acceptance.dying:application"


class Caller:
    def __init__(self, port: int, user: User) -> None:
        self.port = port
        self.token = sign_ins.sign_in(user)["access"]

    def ask(self, method: str, path: str, body: object, **headers: str) -> Answer:
        answer = call(self.port, method, path, body, token=self.token, **headers)
        return answer.status, answer.content

    def insist(self, method: str, path: str, body: object, **headers: str) -> tuple[Answer, int]:
        """The answer, and how often the connection broke before it came."""
        for broken in range(1_000):
            try:
                return self.ask(method, path, body, **headers), broken
            except (OSError, HTTPException):
                time.sleep(0.1)
        raise AssertionError("never answered")


def all_at_once(call: Callable[[int], tuple[Answer, int]], count: int = CALLERS) -> list[tuple[Answer, int]]:
    barrier = Barrier(count)

    def wait_and_call(number: int) -> tuple[Answer, int]:
        barrier.wait(120)
        return call(number)

    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(wait_and_call, range(count)))


@pytest.fixture
def caller(alice: User) -> Caller:
    return Caller(free_port(), alice)


def create(caller: Caller) -> Callable[[int], tuple[Answer, int]]:
    body = {"title": "water the plants", "tags": ["garden"], "recurrence_rule": "daily"}
    return lambda _number: caller.insist("POST", "/api/tasks", body, Idempotency_Key="k-1")


def assert_one(answers: list[tuple[Answer, int]]) -> None:
    different = Counter(answer for answer, _broken in answers)
    broken = sum(broken for _answer, broken in answers)
    print(f"\n{len(answers)} calls, {broken} broken connections, {len(different)} different answers")
    ((status, body),) = different
    assert (status, json.loads(body)["id"]) == (201, Task.objects.get().pk)
    assert OutboxEvent.objects.filter(type="task.created").count() == 1
    assert IdempotencyKey.objects.get().status == 201


def test_fifty_at_once_are_one(caller: Caller) -> None:
    with web(caller.port, **UNLIMITED):
        answers = all_at_once(create(caller))
    assert_one(answers)
    assert sum(broken for _answer, broken in answers) == 0


def test_fifty_at_once_are_one_although_the_server_is_killed_after_the_commit(
    caller: Caller, tmp_path: Path
) -> None:
    die = tmp_path / "die"
    die.touch()
    with ThreadPoolExecutor(1) as thread:
        with web(caller.port, DYING, DIE_ONCE=str(die), **UNLIMITED) as first:
            asking = thread.submit(all_at_once, create(caller))
            eventually(lambda: first.process.poll() is not None)
            # The effect is there, and the client does not know it.
            assert Task.objects.count() == IdempotencyKey.objects.filter(status=201).count() == 1
            assert not asking.done()
        with web(caller.port, DYING, DIE_ONCE=str(die), **UNLIMITED):
            answers = asking.result(300)
    assert_one(answers)
    assert any(broken for _answer, broken in answers)  # who came late met the second server only


def test_of_two_writers_one_wins_each_time(caller: Caller, alice: User) -> None:
    task = Task.objects.create(user=alice, title="water the plants")
    with web(caller.port, **UNLIMITED):
        for version in range(1, 21):
            believed = f'"{version}"'

            def write(number: int, version: int = version, believed: str = believed) -> tuple[Answer, int]:
                body = {"title": f"{version} by {number}"}
                return caller.insist("PATCH", f"/api/tasks/{task.pk}", body, If_Match=believed)

            answers = [answer for answer, _broken in all_at_once(write, 2)]
            assert sorted(status for status, _body in answers) == [200, 412]
            (winner,) = (json.loads(body) for status, body in answers if status == 200)
            assert (winner["version"], Task.objects.get().title) == (version + 1, winner["title"])
