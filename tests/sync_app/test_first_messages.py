"""A stream begins with its position, then sends every change, and only of the same user."""

from collections.abc import Callable

import pytest

from accounts_app.models import User
from tests.sync_app.clients import StreamClient
from tests.sync_app.conftest import StreamServer, task_ids, tell

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]


def read(client: StreamClient, number: int) -> list[tuple[str, object]]:
    found = [client.next() for _ in range(number)]
    return [(message.event, message.data.get("task_id")) for message in found if message]


def test_what_happens_comes(serve: Callable[..., StreamServer], alice: User, bob: User) -> None:
    server = serve()
    first, second, bobs = (server.connect(user) for user in (alice, alice, bob))
    assert [client.next().event for client in (first, second, bobs)] == ["ready"] * 3
    own, others = next(task_ids), next(task_ids)
    tell(bob, others)
    tell(alice, own)
    assert read(first, 1) == read(second, 1) == [("task.sync", own)]
    assert read(bobs, 1) == [("task.sync", others)]


def test_what_was_missed_comes_first(serve: Callable[..., StreamServer], alice: User) -> None:
    server = serve()
    client = server.connect(alice)
    event_id = client.next().id
    client.close()
    missed, later = [next(task_ids) for _ in range(3)], next(task_ids)
    for task_id in missed:
        tell(alice, task_id)
    again = server.connect(alice, event_id)
    tell(alice, later)
    ready = again.next()
    assert (ready.event, ready.id) == ("ready", event_id)
    assert read(again, 4) == [("task.sync", task_id) for task_id in [*missed, later]]


def test_a_version_that_was_passed_is_no_news(serve: Callable[..., StreamServer], alice: User) -> None:
    client = serve().connect(alice)
    client.next()
    task_id, other = next(task_ids), next(task_ids)
    for version in (1, 2, 2, 1):
        tell(alice, task_id, version)
    tell(alice, other)
    assert [message.data["version"] for message in (client.next(), client.next())] == [1, 2]
    assert read(client, 1) == [("task.sync", other)]
