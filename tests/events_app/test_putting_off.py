"""What a handler needs may not answer: its event waits in its place, and is not given up."""

from datetime import timedelta
from uuid import uuid4

import pytest
import time_machine
from django.utils import timezone
from pytest_django import Settings

from events_app import groups
from events_app.envelope import Event
from events_app.handling import handle
from events_app.models import DeadLetter, ParkedEvent
from events_app.parked import retry_parked

pytestmark = pytest.mark.django_db


def event(subject: str) -> Event:
    return Event(
        id=uuid4(),
        topic="reminders",
        type="reminder.due",
        key="alice",
        subject=subject,
        sequence=1,
        time=timezone.now(),
        data={},
    )


def test_an_event_that_is_put_off_is_never_given_up(
    no_handlers: None, clock: time_machine.Traveller, settings: Settings
) -> None:
    handled: list[str] = []
    away = [True]

    @groups.handles("reminder.due", group="waits")
    def handler(given: Event) -> None:
        if away:
            raise groups.NotNow("The store is away.")
        handled.append(given.subject)

    handle("waits", event("1"))
    handle("waits", event("2"))
    for _ in range(settings.EVENT_MAX_ATTEMPTS * 3):
        clock.shift(settings.EVENT_FIRST_RETRY)
        assert retry_parked() == 0
    assert not DeadLetter.objects.exists()
    assert list(ParkedEvent.objects.order_by("id").values_list("attempts", "error")) == [
        (0, "The store is away."),
        (0, ""),
    ]
    away.clear()
    clock.shift(settings.EVENT_FIRST_RETRY + timedelta(seconds=1))
    assert retry_parked() == 2
    assert handled == ["1", "2"]
