"""How far a write goes through the code: no further than this, so that a detour is noticed when it is built.

`./todo bench calls` prints the figures. Where a write has become shorter, its bound here becomes lower; where
one must become longer, the reason stands beside the new bound.
"""

import pytest

from accounts_app.models import User
from benchmarks.calls import Figures, ways

# A few calls more than measured: what a cache has forgotten depends on the clock.
BOUNDS = {
    "POST a title": Figures(calls=205, files=30, moves=51, statements=5),
    "POST with a tag and a reminder": Figures(calls=235, files=31, moves=64, statements=8),
    "PATCH a title": Figures(calls=210, files=31, moves=69, statements=9),
    "DELETE for good": Figures(calls=147, files=23, moves=64, statements=18),
    "complete": Figures(calls=168, files=27, moves=64, statements=9),
    "the next occurrence, by the relay": Figures(calls=280, files=26, moves=102, statements=31),
}


@pytest.mark.django_db(transaction=True)
def test_no_write_goes_further_than_its_bound(alice: User) -> None:
    found = {name: way.figures for name, way in ways(alice).items()}
    assert found.keys() == BOUNDS.keys()
    further = {
        name: f"{figures} beside {BOUNDS[name]}"
        for name, figures in found.items()
        if any(figure > bound for figure, bound in zip(figures, BOUNDS[name], strict=True))
    }
    assert further == {}
