"""While more is due than a turn of the scan takes, its tick goes on and lets the release have its turns."""

import pytest
import time_machine

from accounts_app.models import User
from notifications_app import scan
from notifications_app.models import Reminder
from notifications_app.scan import scan_and_release, scan_reminders
from tests.notifications_app.conftest import task_due
from tests.notifications_app.nights import MORNING, NIGHT, sleeping


@pytest.fixture(autouse=True)
def short_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan, "BATCHES_PER_TURN", 2)
    monkeypatch.setattr(scan, "TICK_SECONDS", 3600)  # however slow the machine is


@pytest.fixture
def morning(alice: User, bob: User) -> None:
    """Alice's reminder has waited for the morning, and seven of Bob's come due in it."""
    with time_machine.travel(NIGHT, tick=False):
        task_due(sleeping(alice))
        assert scan_reminders() == 1
    with time_machine.travel(MORNING, tick=False):
        for _ in range(7):
            task_due(bob)


def state_of(user: User) -> str:
    return Reminder.objects.get(task__user=user).state


@time_machine.travel(MORNING, tick=False)
@pytest.mark.usefixtures("morning")
def test_a_tick_goes_on_until_nothing_is_due() -> None:
    assert scan_and_release(limit=3) == 7
    assert not scan.has_due()


@time_machine.travel(MORNING, tick=False)
@pytest.mark.usefixtures("morning")
def test_what_waited_for_the_end_of_quiet_hours_is_released_meanwhile(alice: User) -> None:
    scan_and_release(limit=3)
    assert state_of(alice) == "no_device"


@time_machine.travel(MORNING, tick=False)
@pytest.mark.usefixtures("morning")
def test_it_is_left_to_its_own_tick_when_little_is_due(alice: User) -> None:
    scan_and_release(limit=4)
    assert state_of(alice) == "waiting"


@time_machine.travel(MORNING, tick=False)
@pytest.mark.usefixtures("morning")
def test_a_tick_ends_when_its_time_is_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan, "TICK_SECONDS", 0)
    assert [scan_and_release(limit=3), scan_and_release(limit=3)] == [6, 1]
