"""A run whose time is up records what is still being sent: no thread is left to do that by itself."""

import threading

import pytest

from accounts_app.models import User
from devkit.demo.push_service import PushService
from notifications_app import sending, traffic
from notifications_app.channels.channel import AttemptOutcome
from notifications_app.channels.web_push import WebPush
from notifications_app.models import Delivery
from notifications_app.sending import RUN_SECONDS, Pipeline
from tests.monotonic import Monotonic
from tests.notifications_app.conftest import hints_sent, one_of_two_deliveries


class OverOnceAsked(Monotonic):
    """A clock that knows whether it was asked since the run's time is up."""

    def __init__(self) -> None:
        self.ends_at = self.now + RUN_SECONDS
        self.is_over = threading.Event()

    def monotonic(self) -> float:
        if self.now >= self.ends_at:
            self.is_over.set()
        return self.now


@pytest.mark.django_db(transaction=True)
def test_what_is_being_sent_at_the_end_is_recorded_by_the_run_which_hints_once(
    alice: User, service: PushService, monkeypatch: pytest.MonkeyPatch
) -> None:
    one_of_two_deliveries(alice, service)
    clock, real = OverOnceAsked(), WebPush.send
    monkeypatch.setattr(sending, "monotonic", clock.monotonic)
    monkeypatch.setattr(traffic, "monotonic", Monotonic().monotonic)  # to which no send is slow
    hints_sent()

    def send_when_the_time_is_up(channel: WebPush, delivery: Delivery) -> AttemptOutcome:
        clock.now = clock.ends_at
        assert clock.is_over.wait(60)
        return real(channel, delivery)

    monkeypatch.setattr(WebPush, "send", send_when_the_time_is_up)
    Pipeline(window=64).run()
    assert set(Delivery.objects.values_list("state", flat=True)) == {"sent"}
    assert hints_sent() == 1
