"""Which occurrences the fault run calls too many: a judge that is wrong finds faults where there are none."""

from typing import Any

import pytest

from tests.faults.faults import Window
from tests.faults.history import History, duplicates_per_fault
from tests.faults.verdicts import judge
from tests.faults.wire import Message
from tests.faults.witness import State


def state(
    task: int, version: int, *, slot: str = "monday", done: bool = False, origin: int | None = None
) -> State:
    data: dict[str, Any] = {
        "series_id": "series", "occurrence_at": slot, "completed": done, "deleted_at": None,
        "generated_from_id": origin,
    }  # fmt: skip
    return State(task, version, data, [])


def erased(task: int, version: int) -> State:
    return State(task, version, None, [])


COMPLETED = [state(1, 1), state(1, 2, done=True), state(2, 1, slot="tuesday", origin=1), erased(2, 2)]
AGAIN = [state(1, 3), state(1, 4, done=True)]
NEXT, NEXT_OF_NONE = state(3, 1, slot="tuesday", origin=1), state(3, 1, slot="tuesday")


@pytest.mark.parametrize(
    ("states", "wrong"),
    [
        (COMPLETED, 0),
        ([*COMPLETED, NEXT], 1),
        ([*COMPLETED, *AGAIN, NEXT], 0),
        ([*COMPLETED, erased(1, 3), NEXT_OF_NONE], 1),
        ([*COMPLETED, *AGAIN, erased(1, 5), NEXT_OF_NONE], 0),
        ([*COMPLETED, *AGAIN, erased(1, 5), NEXT_OF_NONE, erased(3, 2), state(4, 1, slot="tuesday")], 1),
    ],
)
def test_a_slot_is_filled_again_only_after_another_completion(states: list[State], wrong: int) -> None:
    history = History(entries=[], states=states, messages=[], rows=[])
    assert len(judge(history)["successors twice"]) == wrong


@pytest.mark.parametrize(
    ("second", "came_again", "expected"),
    [
        (100.0, [20.5, 101.0], [(1, 1), (1, 1)]),
        (100.0, [20.5, 20.6, 20.7], [(3, 1)]),
        (22.0, [22.5, 22.6], [(2, 2)]),  # the first one's batch may be among them
        (40.0, [40.5], [(1, 1)]),
        (22.0, [19.0], [(1, 0)]),  # of no fault
    ],
)
def test_what_came_again_is_of_the_faults_shortly_before(
    second: float, came_again: list[float], expected: list[tuple[int, int]]
) -> None:
    messages = [
        Message("task-events", 0, place, at, "", {"id": 1}) for place, at in enumerate([1.0, *came_again])
    ]
    windows = [Window("relay", 20.0, 20.1), Window("terminate", second, second), Window("web", 20.0, 90.0)]
    history = History(entries=[], states=[], messages=messages, rows=[], windows=windows)
    assert duplicates_per_fault(history) == expected
