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
# The claims of a token are read before anything uses them, the first limit that refuses ends the others, a
# new task has a quota, and erasing also releases the actions of reminders. A middleware of one file gives the
# admin's pages their Content-Security-Policy.
BOUNDS = {
    "POST a title": Figures(calls=161, files=50, moves=81, statements=5),
    "POST with a tag and a reminder": Figures(calls=199, files=52, moves=90, statements=6),
    "GET one": Figures(calls=62, files=26, moves=36, statements=2),
    "GET the list": Figures(calls=117, files=29, moves=57, statements=3),
    "PATCH a title": Figures(calls=177, files=49, moves=86, statements=6),
    "DELETE for good": Figures(calls=119, files=33, moves=67, statements=15),
    "complete": Figures(calls=129, files=38, moves=70, statements=6),
    "the next occurrence, by the relay": Figures(calls=209, files=43, moves=109, statements=21),
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
