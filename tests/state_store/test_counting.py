"""The counter of the throttles: atomic over threads, with an expiry, and never slow."""

import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Barrier
from typing import cast
from uuid import uuid4

import pytest
from django.conf import settings as project
from django.core.cache import caches
from pytest_django import Settings
from redis import Redis

from state_store import pause
from state_store.cache import CountingCache
from state_store.pause import PAUSE_SECONDS, Pause
from tests.monotonic import Monotonic


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CountingCache, "pause", Pause())


@pytest.fixture
def monotonic(monkeypatch: pytest.MonkeyPatch) -> Monotonic:
    monotonic = Monotonic()
    monkeypatch.setattr(pause, "time", monotonic)
    return monotonic


class SilentStore:
    """A server that accepts connections and never responds."""

    def __init__(self, server: socket.socket) -> None:
        server.setblocking(False)
        self.server = server
        self.url = f"redis://127.0.0.1:{server.getsockname()[1]}/0"

    def connections(self) -> int:
        """The number of connections since the last call."""
        count = 0
        with suppress(BlockingIOError):
            while True:
                self.server.accept()[0].close()
                count += 1
        return count


@pytest.fixture
def silent_store(own_timeouts_of_the_store: None) -> Iterator[SilentStore]:
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        yield SilentStore(server)


def counter() -> CountingCache:
    return cast(CountingCache, caches["throttles"])


def move_store(settings: Settings, url: str) -> None:
    settings.CACHES = project.CACHES | {"throttles": project.CACHES["throttles"] | {"LOCATION": [url]}}


def test_each_count_is_one_more() -> None:
    key = uuid4().hex
    assert [counter().count(key, seconds=60) for _ in range(3)] == [1, 2, 3]
    assert counter().count(uuid4().hex, seconds=60) == 1


def test_threads_count_together() -> None:
    key = uuid4().hex

    def count_ten_times(_: int) -> list[int | None]:
        return [counter().count(key, seconds=60) for _ in range(10)]

    with ThreadPoolExecutor(8) as pool:
        counted = [number for numbers in pool.map(count_ten_times, range(8)) for number in numbers]
    assert sorted(counted, key=str) == sorted(range(1, 81), key=str)


def test_a_count_has_its_documented_key_and_goes_away(settings: Settings) -> None:
    key = uuid4().hex
    counter().count(key, seconds=60)
    with Redis.from_url(settings.REDIS_URL, decode_responses=True) as store:
        assert store.get(f"todo-app::throttle::{key}") == "1"
        assert 0 < store.ttl(f"todo-app::throttle::{key}") <= 60
        store.persist(f"todo-app::throttle::{key}")
        counter().count(key, seconds=60)
        assert 0 < store.ttl(f"todo-app::throttle::{key}") <= 60


def test_the_cache_frameworks_own_calls_work_too() -> None:
    key = uuid4().hex
    counter().set(key, {"a": 1}, 60)
    assert counter().get(key) == {"a": 1}


def test_without_the_store_nothing_is_counted(settings: Settings) -> None:
    move_store(settings, "redis://127.0.0.1:1/0")
    assert counter().count("x", seconds=60) is None


@pytest.mark.usefixtures("monotonic")
def test_a_silent_store_is_waited_for_once(settings: Settings, silent_store: SilentStore) -> None:
    move_store(settings, silent_store.url)
    began = time.monotonic()
    assert [counter().count("x", seconds=60) for _ in range(100)] == [None] * 100
    assert time.monotonic() - began < 10 * project.REDIS_TIMEOUT_SECONDS  # a hundred waits are 25 s
    assert silent_store.connections() == 1


@pytest.mark.usefixtures("monotonic")
def test_what_one_thread_found_the_others_know(settings: Settings, silent_store: SilentStore) -> None:
    move_store(settings, silent_store.url)
    counter().count("x", seconds=60)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: counter().count("x", seconds=60), range(40)))
    assert silent_store.connections() == 1


def test_a_store_that_is_back_counts_again(settings: Settings, monotonic: Monotonic) -> None:
    key = uuid4().hex
    move_store(settings, "redis://127.0.0.1:1/0")
    assert counter().count(key, seconds=60) is None
    move_store(settings, project.REDIS_URL)
    monotonic.now += PAUSE_SECONDS - 1
    assert counter().count(key, seconds=60) is None
    monotonic.now += 1
    assert [counter().count(key, seconds=60) for _ in range(2)] == [1, 2]


def test_while_one_asks_whether_it_is_back_the_others_go_on(
    settings: Settings, monotonic: Monotonic, silent_store: SilentStore
) -> None:
    move_store(settings, silent_store.url)
    counter().count("x", seconds=60)
    assert silent_store.connections() == 1
    monotonic.now += PAUSE_SECONDS
    start = Barrier(8)

    def count(_: int) -> None:
        start.wait(60)
        counter().count("x", seconds=60)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(count, range(8)))
    assert silent_store.connections() == 1
