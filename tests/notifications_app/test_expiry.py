"""A delivery at the instant at which it expires: it is sent or expired, and never lost or left pending."""

from datetime import timedelta

import pytest
import time_machine

from accounts_app.models import User
from devkit.demo.push_service import PushService
from notifications_app.claiming import claim, has_due
from notifications_app.models import Delivery, Reminder
from notifications_app.planning import REMINDER_TTL
from notifications_app.recording import record_all
from notifications_app.results import Ended, Result
from notifications_app.sending import deliver_due, send
from tests.notifications_app.conftest import NOON, pending_delivery, refusing

pytestmark = pytest.mark.usefixtures("noon")
TICK = timedelta(microseconds=1)


@pytest.mark.parametrize("dies", [False, True])
@pytest.mark.parametrize("status", [201, 503])
@pytest.mark.parametrize(("at", "is_sent"), [(-TICK, True), (0 * TICK, False), (TICK, False)])
def test_it_ends_whatever_the_instant_at_which_it_is_claimed(
    alice: User,
    service: PushService,
    noon: time_machine.Traveller,
    at: timedelta,
    is_sent: bool,
    status: int,
    dies: bool,
) -> None:
    delivery = pending_delivery(alice, service.subscribe())
    if status != 201:
        refusing(service, status)
    noon.move_to(NOON + REMINDER_TTL + at, tick=False)
    claimed = claim(1)
    assert (len(claimed.leases), len(claimed.ended)) == (int(is_sent), int(not is_sent))
    results = [Result(lease, Ended(state)) for lease, state in claimed.ended]
    results += [Result(lease, send(lease)) for lease in claimed.leases]
    noon.shift(TICK)  # it expires while it is sent
    if not dies:
        record_all(results)
    noon.shift(timedelta(seconds=31))  # what a worker that died has claimed comes due again
    assert has_due() is dies
    deliver_due()
    delivery.refresh_from_db()
    was_sent = is_sent and status == 201 and not dies
    assert delivery.state == (Delivery.State.SENT if was_sent else Delivery.State.EXPIRED)
    expected = Reminder.State.DELIVERED if was_sent else Reminder.State.UNDELIVERED
    assert Reminder.objects.get().state == expected
    assert len(service.messages) == int(is_sent and status == 201)
    assert not has_due()
