"""How far a request goes through the code: no further than this, so that a detour is noticed at once.

`./todo bench code` prints the figures. If a request has become shorter, lower its bound. If one must become
longer, the reason stands beside the new bound.
"""

import pytest

from accounts_app.models import User
from benchmarks.calls import Figures, ways

# A few calls more than measured: what a cache has forgotten depends on the clock. Two files of each are the
# hint after the commit, which wakes the relay; two moves of each request are the actor of its events. A write
# of one task has one file more, for the statement that reads it under its lock. Each request has one for the
# look at its connection, which spares it a round trip to PostgreSQL, and a write of a title one for the key
# that it is sorted by. Words to search by, headers of the limit and compression came later; erasing looks
# again, under the lock, for tasks that refer to the erased one. Each write of a task has a file and calls for
# all-day tasks, and a change looks whether it may end a series, whose other tasks it then locks too. What a
# request changes is settled in a module of its own, for fewer calls. An event looks at the state of its slot.
BOUNDS = {
    "POST a title": Figures(calls=141, files=45, moves=72, statements=5),
    "POST with a tag and a reminder": Figures(calls=181, files=48, moves=81, statements=6),
    "GET one": Figures(calls=52, files=23, moves=32, statements=2),
    "GET the list": Figures(calls=106, files=26, moves=53, statements=3),
    "PATCH a title": Figures(calls=165, files=46, moves=81, statements=6),
    "DELETE for good": Figures(calls=107, files=30, moves=62, statements=14),
    "complete": Figures(calls=118, files=35, moves=65, statements=6),
    "the next occurrence, by the relay": Figures(calls=193, files=40, moves=99, statements=22),
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
