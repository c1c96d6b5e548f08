"""One process owns a data directory; the next one gets its name."""

import pytest

from devkit.embedded import StartError
from devkit.embedded.claim import claim, is_claimed
from devkit.embedded.instance import running_environment
from devkit.embedded.places import Places
from tests.devkit.conftest import python_running, wait_until

HOLD = """
from devkit.embedded.claim import claim
from devkit.embedded.instance import published
environment = {"PORT": "8000", "A": "b=c"}
with claim(places, command="up", url="http://127.0.0.1:8000"), published(places, environment):
    hold()
"""


def test_a_second_owner_learns_who_the_first_is(places: Places) -> None:
    with python_running(HOLD, places) as first:
        assert is_claimed(places)
        expected = rf"in use by `./todo up` \(process {first.pid}\) at http://127.0.0.1:8000\.$"
        with pytest.raises(StartError, match=expected), claim(places, command="manage"):
            raise AssertionError("two owners")


def test_an_owner_that_was_killed_owns_nothing(places: Places) -> None:
    with python_running(HOLD, places) as first:
        first.kill()
    assert places.environment.exists()
    assert not is_claimed(places)
    assert running_environment(places) == {}
    with claim(places, command="up"):
        pass


def test_a_child_that_outlives_its_parent_does_not_keep_the_claim(places: Places) -> None:
    forks = HOLD.replace(
        "    hold()", "    import os\n    if os.fork():\n        hold()\n    else:\n        os.read(0, 1)"
    )
    with python_running(forks, places) as first:
        first.kill()
        wait_until(lambda: first.poll() is not None)
        assert not is_claimed(places)


def test_other_commands_find_what_the_owner_published(places: Places) -> None:
    with python_running(HOLD, places):
        assert running_environment(places) == {"PORT": "8000", "A": "b=c"}
        assert places.environment.stat().st_mode & 0o777 == 0o600
    assert running_environment(places) == {}
    assert not places.environment.exists()


def test_nothing_is_claimed_where_nothing_ever_ran(places: Places) -> None:
    assert not is_claimed(places)
    assert running_environment(places) == {}
