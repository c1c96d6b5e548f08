"""How much of the window servers and users get: those that are slow leave the rest to others."""

from uuid import UUID

import pytest

from notifications_app import traffic
from notifications_app.traffic import FAST_SECONDS, SHORTEST_WAIT_SECONDS, SLOW_FOR_SECONDS, Traffic
from tests.monotonic import Monotonic

ALICE = UUID(int=0)


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Monotonic:
    clock = Monotonic()
    monkeypatch.setattr(traffic, "monotonic", clock.monotonic)
    return clock


@pytest.fixture
def of_64(time: Monotonic) -> Traffic:
    return Traffic(window=64)


def started(of: Traffic, origins: list[str], users: list[int]) -> list[int]:
    """Start a send for each pair; the numbers of those that may go."""
    pairs = enumerate(zip(origins, users, strict=True), start=1)
    return [number for number, (origin, user) in pairs if not of.start(number, origin, UUID(int=user))]


def prove(of: Traffic, origin: str, seconds: float, time: Monotonic) -> None:
    """Have one send to the origin take so long."""
    assert of.start(0, origin, ALICE) == 0
    time.now += seconds
    of.end(0)


@pytest.mark.parametrize(
    ("origins", "users", "most"),
    [
        (["new"] * 99, list(range(1, 100)), 16),  # to one server that is not known to be fast
        ([f"new {n}" for n in range(99)], list(range(1, 100)), 32),  # to all of those
        ([f"new {n}" for n in range(99)], [1] * 99, 4),  # for one user
        (["fast"] * 99, list(range(1, 100)), 99),  # the window is bounded elsewhere
        (["fast"] * 99, [1] * 99, 16),
        (["slow"] * 99, list(range(1, 100)), 16),
    ],
)
def test_the_bounds(of_64: Traffic, time: Monotonic, origins: list[str], users: list[int], most: int) -> None:
    prove(of_64, "fast", 0.1, time)
    prove(of_64, "slow", FAST_SECONDS + 0.1, time)
    assert len(started(of_64, origins, users)) == most


def test_when_a_send_ends_the_next_may_start(of_64: Traffic) -> None:
    assert started(of_64, ["new"] * 5, [1] * 5) == [1, 2, 3, 4]
    of_64.end(1)
    assert of_64.start(9, "new", UUID(int=1)) == 0


def test_a_server_is_slow_while_a_send_lasts_and_fast_again_after_a_while(
    of_64: Traffic, time: Monotonic
) -> None:
    prove(of_64, "a", 0.1, time)
    assert of_64.start(1, "a", ALICE) == 0
    assert of_64.young() == 1
    time.now += FAST_SECONDS + 0.1
    assert of_64.young() == 0
    of_64.end(1)
    assert len(started(of_64, ["a"] * 20, list(range(20)))) == 16
    for number in range(1, 17):
        of_64.end(number)
    time.now += SLOW_FOR_SECONDS
    assert len(started(of_64, ["a"] * 20, list(range(20)))) == 20


def test_what_waits_comes_at_the_pace_of_what_is_before_it(of_64: Traffic, time: Monotonic) -> None:
    started(of_64, ["a"] * 4, [1] * 4)
    assert of_64.start(5, "a", UUID(int=1)) == SHORTEST_WAIT_SECONDS
    time.now += 8
    waits = [of_64.start(number, "a", UUID(int=1)) for number in range(6, 9)]
    assert waits == pytest.approx([2, 4, 6], abs=0.1)


def test_one_that_outlived_its_lease_is_not_sent_beside_itself(of_64: Traffic) -> None:
    assert of_64.start(1, "a", ALICE) == 0
    assert of_64.start(1, "a", ALICE) > 1


def test_a_small_window_lets_each_through(time: Monotonic) -> None:
    assert Traffic(window=1).start(1, "new", ALICE) == 0
