"""Where a reminder goes: by the channels that its user has chosen, or by what reaches the user."""

from typing import Any

import pytest

from accounts_app.models import User
from accounts_app.preferences import EmailStop
from devkit.demo.push_service import PushService
from notifications_app.models import Delivery, Reminder
from notifications_app.scan import scan_reminders
from tests.notifications_app.conftest import subscribe, task_due

pytestmark = pytest.mark.usefixtures("noon")
ADDRESS = "alice@example.test"


@pytest.fixture
def alice(alice: User) -> User:
    alice.email_confirmed, alice.channels = True, ["email"]
    alice.save()
    return alice


@pytest.mark.parametrize(
    ("changes", "ways"),
    [
        ({"channels": ["email"]}, {"email"}),
        ({"channels": ["push"]}, {"web_push"}),
        ({"channels": ["push", "email"]}, {"web_push", "email"}),
        ({"channels": []}, set()),
        ({"channels": ["email"], "email_confirmed": False}, {"web_push"}),
        ({"channels": ["push", "email"], "email_confirmed": False}, {"web_push"}),
        ({"channels": ["push", "email"], "email_stopped": EmailStop.UNSUBSCRIBED}, {"web_push"}),
    ],
)
def test_a_reminder_goes_where_its_user_wants_it(
    alice: User, bob: User, service: PushService, changes: dict[str, Any], ways: set[str]
) -> None:
    subscribe(alice, service.subscribe())
    User.objects.filter(pk=alice.pk).update(**changes)
    task_due(alice)
    scan_reminders()
    assert set(Delivery.objects.values_list("channel", flat=True)) == ways
    assert Reminder.objects.get().state == ("due" if ways else "no_channel")


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({"channels": ["push"]}, "due"),
        ({"channels": ["push"], "email_confirmed": False}, "no_device"),
        ({"channels": ["push"], "email_stopped": EmailStop.REFUSED}, "no_device"),
        ({"channels": ["push"], "email": None}, "no_device"),
        ({"channels": []}, "no_channel"),
    ],
)
def test_without_a_device_it_goes_to_the_address_if_that_is_confirmed(
    alice: User, changes: dict[str, Any], state: str
) -> None:
    User.objects.filter(pk=alice.pk).update(**changes)
    task_due(alice)
    scan_reminders()
    assert Reminder.objects.get().state == state
    assert list(Delivery.objects.values_list("target", flat=True)) == ([ADDRESS] if state == "due" else [])
