"""The group `sync` adds a change of a task to its user's stream."""

import json
from collections.abc import Callable

import pytest
from pytest_django import Settings
from redis import Redis
from rest_framework.test import APIClient

from accounts_app.models import User
from events_app.brokers import InProcessBroker
from events_app.models import ParkedEvent
from events_app.relay import relay_batch
from state_store import keys, task_updates
from state_store.task_updates import NewUpdate
from tests.sync_app.conftest import task_ids

pytestmark = pytest.mark.django_db(transaction=True)


def stream_of(user: User, settings: Settings) -> list[dict[str, object]]:
    with Redis.from_url(settings.REDIS_URL, decode_responses=True) as store:
        return [json.loads(entry["update"]) for _, entry in store.xrange(keys.task_updates(str(user.pk)))]


def test_a_change_goes_into_its_user_s_stream(
    alice: User, bob: User, client_of: Callable[[User], APIClient], settings: Settings
) -> None:
    task = client_of(alice).post("/api/tasks", {"title": "x"}).json()
    client_of(alice).patch(f"/api/tasks/{task['id']}", {"title": "y"})
    while relay_batch(InProcessBroker()):
        pass
    assert list(ParkedEvent.objects.values_list("error", flat=True)) == []
    created, changed = stream_of(alice, settings)
    assert (created["task_id"], created["version"], created["changes"]["title"]) == (task["id"], 1, "x")
    assert (changed["version"], changed["changes"]["title"]) == (2, "y")
    assert "description" not in changed["changes"]
    assert {"id", "type", "time"} <= set(changed)
    assert stream_of(bob, settings) == []


def test_of_many_at_once_each_is_added_once_to_its_own_stream(
    alice: User, bob: User, settings: Settings
) -> None:
    def update(user: User, task_id: int, version: int) -> NewUpdate:
        return NewUpdate(str(user.pk), task_id, version, json.dumps({"task_id": task_id, "version": version}))

    first, second = next(task_ids), next(task_ids)
    assert task_updates.add([update(alice, first, 1), update(bob, second, 5)]) == [True, True]
    again = [update(alice, first, version) for version in (1, 2, 2, 3, 1)]
    assert task_updates.add([*again, update(bob, second, 4)]) == [False, True, False, True, False, False]
    assert [one["version"] for one in stream_of(alice, settings)] == [1, 2, 3]
    assert stream_of(bob, settings) == [{"task_id": second, "version": 5}]


def test_a_batch_of_the_relay_is_one_call(
    alice: User, bob: User, client_of: Callable[[User], APIClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[list[NewUpdate]] = []
    monkeypatch.setattr(task_updates, "add", calls.append)
    for user in (alice, bob, alice):
        client_of(user).post("/api/tasks", {"title": "x"})
    relay_batch(InProcessBroker())
    assert [[one.user_id for one in call] for call in calls] == [[str(one.pk) for one in (alice, bob, alice)]]
