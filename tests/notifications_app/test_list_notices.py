"""Several reminders that waited for the end of quiet hours are one notice for each device and address."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine

from accounts_app.models import User
from devkit.demo.push_service import PushService
from notifications_app.claiming import claim
from notifications_app.deliveries import resend
from notifications_app.models import Delivery
from notifications_app.releasing import release_reminders
from notifications_app.scan import scan_reminders
from tasks_app.models import Task
from tasks_app.services import complete_task
from tests.notifications_app.conftest import refusing, subscribe
from tests.notifications_app.nights import DAY, MORNING, NIGHT, locked, rings, send, shown, sleeping, states


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NIGHT, tick=False) as traveller:
        yield traveller


@pytest.fixture
def alice(alice: User) -> User:
    return sleeping(alice)


class TestSeveral:
    def test_are_one_notice_for_each_device(self, alice: User, service: PushService, clock: Any) -> None:
        for _ in range(2):
            subscribe(alice, service.subscribe())
        rings(alice, clock, "Call mum", "Call dad", "Water the plants")
        clock.move_to(MORNING)
        send()
        assert shown(service) == [("3 reminders", "Call mum\nCall dad\nWater the plants")] * 2
        notification = service.messages[0].payload["notification"]
        assert "actions" not in notification
        assert notification["navigate"].endswith("/app/")
        assert service.messages[0].headers["topic"] == notification["tag"]
        assert states() == ["delivered"] * 3
        assert Task.objects.filter(reminder_sent=True).count() == 3

    def test_each_reminder_has_a_delivery_that_points_to_the_one_that_was_sent(
        self, alice: User, service: PushService, clock: Any
    ) -> None:
        subscribe(alice, service.subscribe())
        rings(alice, clock, "Call mum", "Call dad")
        clock.move_to(MORNING)
        send()
        whole = Delivery.objects.get(notice="list")
        assert (whole.reminder, whole.state, whole.expires_at) == (None, "sent", MORNING + DAY)
        named = Delivery.objects.filter(sent_with=whole)
        assert [(each.state, each.sent_at, each.attempts.count()) for each in named] == [
            ("sent", MORNING, 0)
        ] * 2
        assert {each.reminder.event_id for each in named} == {each.event_id for each in named}  # type: ignore[union-attr]
        assert whole.attempts.count() == 1

    def test_what_is_done_by_then_is_not_named(self, alice: User, service: PushService, clock: Any) -> None:
        subscribe(alice, service.subscribe())
        first, *_ = rings(alice, clock, "Call mum", "Call dad", "Water the plants")
        complete_task(locked(first))
        clock.move_to(MORNING)
        send()
        assert shown(service) == [("2 reminders", "Call dad\nWater the plants")]
        assert states() == ["cancelled", "delivered", "delivered"]

    def test_what_is_done_before_the_attempt_is_not_named(
        self, alice: User, service: PushService, clock: Any
    ) -> None:
        subscribe(alice, service.subscribe())
        first, *_ = rings(alice, clock, "Call mum", "Call dad", "Water the plants")
        clock.move_to(MORNING)
        release_reminders()
        complete_task(locked(first))
        send()
        assert shown(service) == [("2 reminders", "Call dad\nWater the plants")]
        assert states() == ["cancelled", "delivered", "delivered"]
        assert not Task.objects.get(pk=first.pk).reminder_sent

    def test_one_that_is_left_is_sent_as_it_is(self, alice: User, service: PushService, clock: Any) -> None:
        subscribe(alice, service.subscribe())
        first, _ = rings(alice, clock, "Call mum", "Call dad")
        clock.move_to(MORNING)
        release_reminders()
        complete_task(locked(first))
        send()
        ((title, _),) = shown(service)
        assert title == "Call dad"
        assert service.messages[0].payload["notification"]["actions"]

    def test_none_that_is_left_is_not_sent(self, alice: User, service: PushService, clock: Any) -> None:
        subscribe(alice, service.subscribe())
        tasks = rings(alice, clock, "Call mum", "Call dad")
        clock.move_to(MORNING)
        release_reminders()
        for task in tasks:
            complete_task(locked(task))
        send()
        assert (service.messages, states()) == ([], ["cancelled"] * 2)
        assert set(Delivery.objects.values_list("state", flat=True)) == {"cancelled"}

    def test_an_attempt_that_fails_leaves_them_pending(
        self, alice: User, service: PushService, clock: Any
    ) -> None:
        subscribe(alice, service.subscribe())
        rings(alice, clock, "Call mum", "Call dad")
        clock.move_to(MORNING)
        refusing(service, 503)
        send()
        assert set(Delivery.objects.values_list("state", flat=True)) == {"pending"}
        clock.shift(timedelta(minutes=1))
        send()
        assert states() == ["delivered"] * 2
        assert len(service.messages) == 1

    def test_a_notice_that_is_refused_ends_them(self, alice: User, service: PushService, clock: Any) -> None:
        subscribe(alice, service.subscribe())
        rings(alice, clock, "Call mum", "Call dad")
        clock.move_to(MORNING)
        refusing(service, 403)
        send()
        assert states() == ["undelivered"] * 2
        assert set(Delivery.objects.values_list("state", flat=True)) == {"failed"}
        assert not Task.objects.filter(reminder_sent=True).exists()

    def test_a_notice_whose_time_is_over_ends_them(
        self, alice: User, service: PushService, clock: Any
    ) -> None:
        subscribe(alice, service.subscribe())
        rings(alice, clock, "Call mum", "Call dad")
        clock.move_to(MORNING)
        release_reminders()
        clock.shift(DAY)
        send()
        assert (service.messages, states()) == ([], ["undelivered"] * 2)
        assert set(Delivery.objects.values_list("state", flat=True)) == {"expired"}

    def test_by_email(self, alice: User, clock: Any, mailoutbox: list[Any]) -> None:
        User.objects.filter(pk=alice.pk).update(channels=["email"], email_confirmed=True)
        rings(alice, clock, "Call mum", "Call dad")
        clock.move_to(MORNING)
        send()
        (mail,) = mailoutbox
        assert mail.subject == "2 reminders"
        assert "Call mum\nCall dad" in mail.body
        assert "/app/" in mail.body
        assert states() == ["delivered"] * 2

    def test_sent_again_by_an_operator_they_are_one_notice_again(
        self, alice: User, service: PushService, clock: Any
    ) -> None:
        subscribe(alice, service.subscribe())
        rings(alice, clock, "Call mum", "Call dad")
        clock.move_to(MORNING)
        send()
        resend(Delivery.objects.filter(notice="list"))
        send()
        assert shown(service) == [("2 reminders", "Call mum\nCall dad")] * 2
        assert set(Delivery.objects.values_list("state", flat=True)) == {"sent"}

    def test_two_reminders_of_one_task_are_that_task_once(
        self, alice: User, service: PushService, clock: Any
    ) -> None:
        subscribe(alice, service.subscribe())
        Task.objects.create(
            user=alice, title="Call mum", due_at=NIGHT + timedelta(hours=1), reminder_offsets=[30, 0]
        )
        for _ in range(2):
            clock.shift(timedelta(minutes=31))
            assert scan_reminders() == 1
        clock.move_to(MORNING)
        send()
        ((title, _),) = shown(service)
        assert title == "Call mum"
        assert service.messages[0].payload["notification"]["actions"]
        assert states() == ["delivered"] * 2

    def test_a_notice_that_waits_for_the_next_morning_is_still_one(
        self, alice: User, service: PushService, clock: Any
    ) -> None:
        subscribe(alice, service.subscribe())
        rings(alice, clock, "Call mum", "Call dad")
        clock.move_to(MORNING)
        release_reminders()
        clock.move_to(MORNING + timedelta(hours=23, minutes=30))  # in the next quiet hours, after a failure
        send()
        clock.move_to(MORNING + DAY)
        (lease,) = claim(10).leases
        assert lease.delivery.notice == "list"
