"""Quiet hours: what comes due in them waits for their end, and several reminders are one notice."""

from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
import time_machine

from accounts_app.models import User
from devkit.demo.push_service import PushService
from notifications_app.models import Delivery, Reminder
from notifications_app.releasing import has_due, release_reminders
from notifications_app.scan import scan_reminders
from notifications_app.sending import deliver
from tasks_app.models import Task
from tasks_app.services import complete_task, snooze_task, trash_task, update_task
from tests.notifications_app.conftest import refusing, relay, subscribe, task_due

NIGHT = datetime(2026, 3, 2, 22, tzinfo=UTC)  # 23:00 in Berlin
MORNING = datetime(2026, 3, 3, 6, tzinfo=UTC)  # 7:00 in Berlin
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel(NIGHT, tick=False) as traveller:
        yield traveller


@pytest.fixture
def alice(alice: User) -> User:
    """She has quiet hours from ten to seven, in Berlin."""
    alice.quiet_from, alice.quiet_to = time(22), time(7)
    alice.save()
    return alice


def states() -> list[str]:
    return list(Reminder.objects.order_by("reminder_at", "pk").values_list("state", flat=True))


def send() -> None:
    """Release what waits, and make one attempt of each delivery that is due."""
    release_reminders()
    for pk in Delivery.objects.order_by("pk").values_list("pk", flat=True):
        deliver(pk)


def shown(service: PushService) -> list[tuple[str, str]]:
    """The title and the body of each notification."""
    notifications = [message.payload["notification"] for message in service.messages]
    return [(one["title"], one.get("body", "")) for one in notifications]


def locked(task: Task) -> Task:
    return Task.objects.filter(pk=task.pk).locked().get()


def rings(alice: User, clock: Any, *titles: str) -> list[Task]:
    """Tasks whose reminders come due at night, a minute after one another."""
    tasks = []
    for title in titles:
        clock.shift(MINUTE)
        tasks.append(task_due(alice, title=title))
        assert scan_reminders() == 1
    return tasks


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
        for _ in range(9):
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
