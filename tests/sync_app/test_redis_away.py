"""While Redis drops packets, only the first call waits for it, and no update is lost."""

import asyncio
import socket
from collections.abc import Callable, Iterator
from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone
from pytest_django import Settings
from redis import Redis
from rest_framework.test import APIClient

from accounts_app.models import User
from events_app.brokers import InProcessBroker
from events_app.models import DeadLetter, ParkedEvent
from events_app.parked import retry_parked
from events_app.relay import relay_batch
from state_store import keys, pause, task_updates
from state_store.pause import Pause
from state_store.task_updates import NewUpdate, StateStoreUnavailable, UpdateReader
from tasks_app.models import Task
from tests.conftest import PATIENCE_SECONDS
from tests.monotonic import Monotonic
from tests.state_store.test_counting import SilentStore
from tests.sync_app.conftest import task_ids

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def real_store(settings: Settings) -> str:
    return str(settings.REDIS_URL)


@pytest.fixture
def black_hole(
    real_store: str, settings: Settings, monkeypatch: pytest.MonkeyPatch, own_timeouts_of_the_store: None
) -> Iterator[SilentStore]:
    """A server that accepts connections and never responds; a pause after it does not end by itself."""
    monkeypatch.setattr(task_updates, "pause", Pause())
    monkeypatch.setattr(pause, "time", Monotonic())
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        silent = SilentStore(server)
        settings.REDIS_URL = silent.url
        yield silent


def test_only_the_first_waits(black_hole: SilentStore) -> None:
    for task_id in range(50):
        with pytest.raises(StateStoreUnavailable):
            task_updates.add([NewUpdate(str(uuid4()), task_id, 1, "{}")])
    assert black_hole.connections() == 1


def test_many_who_come_at_once_wait_for_one_answer(black_hole: SilentStore) -> None:
    async def ask() -> list[object]:
        reader = UpdateReader()
        return await asyncio.gather(*(reader.newest(str(uuid4())) for _ in range(50)), return_exceptions=True)

    assert all(isinstance(one, StateStoreUnavailable) for one in asyncio.run(ask()))
    assert black_hole.connections() == 1


def test_a_store_that_refuses_is_asked_again_at_once(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A refused connection makes no one wait, and a parked event would be late."""
    monkeypatch.setattr(task_updates, "pause", Pause())
    updates, before = [NewUpdate(str(uuid4()), next(task_ids), 1, "{}")], settings.REDIS_URL
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    with pytest.raises(StateStoreUnavailable):
        task_updates.add(updates)
    settings.REDIS_URL = before
    assert task_updates.add(updates) == [True]


def test_the_other_groups_go_on_and_the_updates_come_later(
    black_hole: SilentStore,
    real_store: str,
    alice: User,
    client_of: Callable[[User], APIClient],
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    client = client_of(alice)
    due = (timezone.now() + timedelta(days=1)).isoformat()
    for number in range(10):
        task = client.post("/api/tasks", {"title": "x", "due_at": due, "recurrence_rule": "daily"}).json()
        if number == 0:
            assert client.post(f"/api/tasks/{task['id']}/complete").status_code == 200
    assert black_hole.connections() == 1  # a hint for the relay
    while relay_batch(InProcessBroker()):
        pass
    assert black_hole.connections() == 1
    assert Task.objects.filter(generated_from__isnull=False).count() == 1  # `recurring` was not held up
    assert set(ParkedEvent.objects.values_list("group", flat=True)) == {"sync"}
    assert not DeadLetter.objects.exists()

    settings.REDIS_URL, settings.REDIS_TIMEOUT_SECONDS = real_store, PATIENCE_SECONDS
    monkeypatch.setattr(task_updates, "pause", Pause())
    parked = ParkedEvent.objects.count()
    ParkedEvent.objects.update(next_attempt_at=timezone.now())
    assert retry_parked() == parked
    with Redis.from_url(real_store) as store:
        assert store.xlen(keys.task_updates(str(alice.pk))) == parked
