"""Quiet hours: what comes due in them waits for their end."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine

from accounts_app.models import User
from devkit.demo.push_service import PushService
from notifications_app.models import Delivery, Reminder
from notifications_app.releasing import has_due
from notifications_app.scan import scan_reminders
from tasks_app.models import Task
from tasks_app.services import complete_task, snooze_task, trash_task, update_task
from tests.notifications_app.conftest import refusing, relay, subscribe, task_due
from tests.notifications_app.nights import (
    DAY,
    MINUTE,
    MORNING,
    NIGHT,
    locked,
    rings,
    send,
    shown,
    sleeping,
    states,
)


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NIGHT, tick=False) as traveller:
        yield traveller


@pytest.fixture
def alice(alice: User) -> User:
    return sleeping(alice)


class TestOne:
    def test_waits_and_is_then_sent_as_it_is(self, alice: User, service: PushService, clock: Any) -> None:
        subscribe(alice, service.subscribe())
        rings(alice, clock, "Call mum")
        reminder = Reminder.objects.get()
        assert (reminder.state, reminder.quiet_until, reminder.waits_until) == ("waiting", MORNING, MORNING)
        clock.move_to(MORNING - MINUTE)
        assert not has_due()
        send()
        assert (service.messages, Delivery.objects.count()) == ([], 0)
        clock.move_to(MORNING)
        assert has_due()
        send()
        ((title, _),) = shown(service)
        assert title == "Call mum"
        assert service.messages[0].payload["notification"]["actions"]
        assert states() == ["delivered"]
        assert Task.objects.get().reminder_sent
        assert not has_due()

    def test_its_day_counts_from_the_end(self, alice: User, service: PushService, clock: Any) -> None:
        subscribe(alice, service.subscribe())
        rings(alice, clock, "Call mum")
        clock.move_to(MORNING)
        send()
        assert Delivery.objects.get().expires_at == MORNING + DAY
        assert service.messages[0].headers["ttl"] == str(24 * 60 * 60)

    def test_the_event_is_recorded_at_once_and_makes_no_delivery(
        self, alice: User, service: PushService, clock: Any
    ) -> None:
        subscribe(alice, service.subscribe())
        rings(alice, clock, "Call mum")
        relay()
        assert (states(), Delivery.objects.count()) == (["waiting"], 0)

    @pytest.mark.parametrize(
        "change",
        [
            lambda task: complete_task(task),
            lambda task: trash_task(task),
            lambda task: update_task(task, reminder_at=MORNING + DAY),
            lambda task: snooze_task(task, until=MORNING + DAY),
        ],
    )
    def test_is_not_sent_when_it_is_no_longer_wanted(
        self, alice: User, service: PushService, clock: Any, change: Any
    ) -> None:
        subscribe(alice, service.subscribe())
        (task,) = rings(alice, clock, "Call mum")
        change(locked(task))
        clock.move_to(MORNING)
        send()
        assert (states(), service.messages) == (["cancelled"], [])

    def test_of_a_task_that_rings_all_the_same(self, alice: User, service: PushService) -> None:
        subscribe(alice, service.subscribe())
        task_due(alice, rings_in_quiet_hours=True)
        scan_reminders()
        send()
        assert len(service.messages) == 1

    def test_of_a_task_that_rings_all_the_same_from_now_on(
        self, alice: User, service: PushService, clock: Any
    ) -> None:
        subscribe(alice, service.subscribe())
        asked, _other = rings(alice, clock, "Call mum", "Water the plants")
        update_task(locked(asked), rings_in_quiet_hours=True)
        relay()
        send()
        assert shown(service) == [("Call mum", "")]
        assert states() == ["delivered", "waiting"]
        clock.move_to(MORNING)
        send()
        assert states() == ["delivered", "delivered"]

    def test_a_snooze_rings_at_its_time(self, alice: User, service: PushService, clock: Any) -> None:
        subscribe(alice, service.subscribe())
        task = Task.objects.create(user=alice, title="Call mum", reminder_at=MORNING + DAY)
        snooze_task(locked(task), until=NIGHT + MINUTE)
        clock.shift(MINUTE)
        scan_reminders()
        send()
        assert len(service.messages) == 1

    def test_outside_of_them_nothing_waits(self, alice: User, service: PushService, clock: Any) -> None:
        clock.move_to(MORNING)
        subscribe(alice, service.subscribe())
        task_due(alice, reminder_at=MORNING)
        scan_reminders()
        send()
        assert len(service.messages) == 1

    def test_found_after_their_end_it_does_not_wait(
        self, alice: User, service: PushService, clock: Any
    ) -> None:
        subscribe(alice, service.subscribe())
        task_due(alice)
        clock.move_to(MORNING + MINUTE)
        scan_reminders()
        send()
        assert len(service.messages) == 1

    def test_found_in_them_it_waits_whenever_it_came_due(
        self, alice: User, service: PushService, clock: Any
    ) -> None:
        subscribe(alice, service.subscribe())
        task_due(alice, reminder_at=NIGHT - timedelta(hours=5))
        scan_reminders()
        assert states() == ["waiting"]

    def test_bob_has_none(self, alice: User, bob: User, service: PushService) -> None:
        subscribe(bob, service.subscribe())
        task_due(bob)
        scan_reminders()
        send()
        assert len(service.messages) == 1

    def test_an_attempt_that_failed_before_waits_too(
        self, alice: User, service: PushService, clock: Any
    ) -> None:
        clock.move_to(NIGHT - timedelta(hours=1, minutes=1))
        subscribe(alice, service.subscribe())
        task_due(alice)
        scan_reminders()
        refusing(service, 503, Retry_After="120")
        send()
        clock.shift(timedelta(minutes=5))
        send()
        assert Delivery.objects.get().expires_at == MORNING + DAY
        while datetime.now(UTC) < MORNING:
            clock.move_to(Delivery.objects.get().next_attempt_at)
            assert service.messages == []
            send()
        assert datetime.now(UTC) == MORNING
        assert len(service.messages) == 1

    def test_a_device_that_subscribes_at_night_gets_it(
        self, alice: User, service: PushService, clock: Any
    ) -> None:
        rings(alice, clock, "Call mum")
        subscribe(alice, service.subscribe())
        clock.move_to(MORNING)
        send()
        assert len(service.messages) == 1

    def test_without_a_device_it_ends_so(self, alice: User, clock: Any) -> None:
        rings(alice, clock, "Call mum", "Call dad")
        clock.move_to(MORNING)
        send()
        assert states() == ["no_device", "no_device"]


class TestQuietHoursThatChange:
    def test_turned_off_they_end_at_once(
        self, alice: User, service: PushService, clock: Any, client_of: Any
    ) -> None:
        subscribe(alice, service.subscribe())
        rings(alice, clock, "Call mum")
        client_of(alice).patch("/api/me", {"quiet_from": None, "quiet_to": None})
        send()
        assert len(service.messages) == 1

    def test_prolonged_they_end_later(
        self, alice: User, service: PushService, clock: Any, client_of: Any
    ) -> None:
        subscribe(alice, service.subscribe())
        rings(alice, clock, "Call mum")
        client_of(alice).patch("/api/me", {"quiet_to": "09:00"})
        clock.move_to(MORNING)
        send()
        assert service.messages == []
        clock.shift(timedelta(hours=2))
        send()
        assert len(service.messages) == 1

    def test_another_zone_has_another_morning(
        self, alice: User, service: PushService, clock: Any, client_of: Any
    ) -> None:
        subscribe(alice, service.subscribe())
        rings(alice, clock, "Call mum")
        client_of(alice).patch("/api/me", {"timezone": "America/New_York"})  # where it is 17:01
        send()
        assert len(service.messages) == 1
