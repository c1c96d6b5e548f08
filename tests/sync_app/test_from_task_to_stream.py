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
from state_store import keys

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
