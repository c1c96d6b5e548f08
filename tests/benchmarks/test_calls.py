"""How far a request goes through the code: no further than this, so that a detour is noticed at once.

`./todo bench code` prints the figures. If a request has become shorter, lower its bound. If one must become
longer, the reason stands beside the new bound.
"""

import pytest

from accounts_app.models import User
from benchmarks.calls import Figures, ways

# Two calls more than measured: what a cache has forgotten depends on the clock. For the same reason the relay
# may ask once more whether something is parked. Of the files of a write some fifteen are the middlewares, the
# token and its user, and the limits; the others check, derive, write, record, answer, and wake the relay.
# One call and one file for each statement that PostgreSQL plans once (decision 44).
BOUNDS = {
    "POST a title": Figures(calls=138, files=42, moves=71, statements=5),
    "POST with a tag and a reminder": Figures(calls=159, files=44, moves=80, statements=6),
    "GET one": Figures(calls=52, files=21, moves=32, statements=2),
    "GET the list": Figures(calls=105, files=26, moves=50, statements=3),
    "PATCH a title": Figures(calls=149, files=41, moves=75, statements=6),
    "DELETE for good": Figures(calls=105, files=30, moves=63, statements=15),
    "complete": Figures(calls=116, files=34, moves=64, statements=6),
    "the next occurrence, by the relay": Figures(calls=205, files=43, moves=113, statements=22),
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
