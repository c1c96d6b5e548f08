"""If changes may have been missed, the stream sends a reset."""

from collections.abc import Callable

import pytest
from pytest_django import Settings
from redis import Redis

from accounts_app.models import User
from state_store import keys, task_updates
from tests.sync_app.clients import StreamClient
from tests.sync_app.conftest import StreamServer, task_ids, tell

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]


def begins(client: StreamClient) -> list[str]:
    return [client.next().event, client.next().event]


def test_an_id_that_is_not_in_the_stream_is_a_reset(
    serve: Callable[..., StreamServer], alice: User, bob: User
) -> None:
    server = serve()
    tell(alice, next(task_ids))
    bobs = server.connect(bob).next().id
    for event_id in (bobs, "1-1", "no id", "9" * 40, "-", "+", "$"):
        client = server.connect(alice, event_id)
        assert begins(client) == ["ready", "reset"], event_id
        client.close()


def test_a_stream_that_was_trimmed_is_a_reset(
    serve: Callable[..., StreamServer], alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve()
    old = server.connect(alice).next().id
    monkeypatch.setattr(task_updates, "LENGTH", 10)
    for _ in range(300):  # Redis trims by whole nodes, of a hundred entries
        tell(alice, next(task_ids))
    assert begins(server.connect(alice, old)) == ["ready", "reset"]


def test_a_flush_is_a_reset_for_who_is_connected_and_who_comes_again(
    serve: Callable[..., StreamServer], alice: User, settings: Settings
) -> None:
    server = serve()
    connected = server.connect(alice)
    event_id = connected.next().id
    with Redis.from_url(settings.REDIS_URL) as store:
        store.delete(keys.task_updates(str(alice.pk)))
    lost_sight_of, seen = next(task_ids), next(task_ids)
    tell(alice, lost_sight_of)
    reset = connected.next()
    assert reset.event == "reset"
    assert begins(server.connect(alice, event_id)) == ["ready", "reset"]
    again = server.connect(alice, reset.id)
    tell(alice, seen)
    assert again.next().event == "ready"
    assert connected.next().data["task_id"] == again.next().data["task_id"] == seen


def test_a_stream_that_ends_by_time_does(alice: User, settings: Settings) -> None:
    task_id = next(task_ids)
    tell(alice, task_id)
    with Redis.from_url(settings.REDIS_URL) as store:
        for key in (keys.task_updates(str(alice.pk)), keys.task_update_passed(task_id)):
            assert 0 < store.ttl(key) <= task_updates.KEPT.total_seconds()
