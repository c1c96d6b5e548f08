"""Which occurrences the fault run calls too many: a judge that is wrong finds faults where there are none."""

from typing import Any

import pytest

from tests.faults.history import History
from tests.faults.verdicts import judge
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
