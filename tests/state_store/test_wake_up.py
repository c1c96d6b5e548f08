"""A hint wakes the listener, and does not wait for a store that is unavailable."""

import socket
from collections import deque
from itertools import islice
from time import monotonic

import pytest
from pytest_django import Settings
from redis.exceptions import RedisError

from state_store.pause import Pause
from state_store.wake_up import WakeUp


@pytest.fixture
def wake_up(monkeypatch: pytest.MonkeyPatch) -> WakeUp:
    monkeypatch.setattr(WakeUp, "pause", Pause())
    return WakeUp()


def test_a_hint_comes_to_a_listener(wake_up: WakeUp) -> None:
    hints = wake_up.hints()
    assert next(hint for hint in hints if hint)  # some may have been missed before it listened
    wake_up.send()
    assert next(hint for hint in hints if hint)


def test_a_listener_has_its_turn_when_nothing_is_sent(wake_up: WakeUp) -> None:
    assert False in islice(wake_up.hints(), 1000)  # other tests of this machine may send some


def test_listening_ends_when_the_store_is_away(wake_up: WakeUp, settings: Settings) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    with pytest.raises(RedisError):
        next(wake_up.hints())


@pytest.mark.usefixtures("own_timeouts_of_the_store")
def test_a_store_that_is_away_costs_a_sender_nothing_but_the_first_time(
    wake_up: WakeUp, settings: Settings
) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=64) as silent:
        settings.REDIS_URL = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        began = monotonic()
        for _ in range(100):
            wake_up.send()
        assert monotonic() - began < 10 * settings.REDIS_TIMEOUT_SECONDS  # a hundred waits would be longer
        silent.setblocking(False)
        silent.accept()[0].close()
        with pytest.raises(BlockingIOError):
            silent.accept()


class Silent:
    """A store whose connection stays open and brings nothing."""

    def pubsub(self) -> "Silent":
        return self

    def __enter__(self) -> "Silent":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def subscribe(self, _channel: str) -> None:
        pass

    def ping(self) -> None:
        pass

    def get_message(self, timeout: float) -> None:
        pass


def test_listening_ends_when_the_store_is_silent(wake_up: WakeUp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("state_store.wake_up.store", Silent)
    with pytest.raises(ConnectionError, match="silent"):
        deque(islice(wake_up.hints(), 1000), maxlen=0)
