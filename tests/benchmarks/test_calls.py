"""How far a request goes through the code: no further than this, so that a detour is noticed at once.

`./todo bench code` prints the figures. If a request has become shorter, lower its bound. If one must become
longer, the reason stands beside the new bound.
"""

import pytest

from accounts_app.models import User
from benchmarks.calls import Figures, ways

# A few calls more than measured: what a cache has forgotten depends on the clock. Two files of each are the
# hint after the commit, which wakes the relay; two moves of each request are the actor of its events.
BOUNDS = {
    "POST a title": Figures(calls=212, files=32, moves=56, statements=5),
    "POST with a tag and a reminder": Figures(calls=242, files=33, moves=69, statements=8),
    "GET one": Figures(calls=50, files=19, moves=31, statements=2),
    "GET the list": Figures(calls=88, files=21, moves=38, statements=3),
    "PATCH a title": Figures(calls=216, files=33, moves=74, statements=9),
    "DELETE for good": Figures(calls=153, files=25, moves=69, statements=18),
    "complete": Figures(calls=174, files=29, moves=69, statements=9),
    # Parked events, and what the queues share, are modules of their own.
    "the next occurrence, by the relay": Figures(calls=288, files=36, moves=124, statements=31),
}


@pytest.mark.django_db(transaction=True)
def test_no_request_goes_further_than_its_bound(alice: User) -> None:
    found = {name: way.figures for name, way in ways(alice).items()}
    assert found.keys() == BOUNDS.keys()
    further = {
        name: f"{figures} beside {BOUNDS[name]}"
        for name, figures in found.items()
        if any(figure > bound for figure, bound in zip(figures, BOUNDS[name], strict=True))
    }
    assert further == {}
