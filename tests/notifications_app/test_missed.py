"""Reminders that are found too late: recorded as missed, and one notice names all of them."""

from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from pytest_django import Settings

from accounts_app.models import User
from devkit.demo.push_service import PushService
from events_app.models import OutboxEvent
from notifications_app.models import Delivery, Reminder
from notifications_app.releasing import release_reminders
from notifications_app.scan import scan_reminders
from notifications_app.sending import deliver
from tasks_app.models import Task
from tasks_app.services import complete_task
from tests.notifications_app.conftest import NOON, subscribe, task_due
from tests.notifications_app.test_two_workers import at_once

pytestmark = pytest.mark.usefixtures("noon")
LATE = timedelta(hours=24, seconds=1)


def missed(user: User, title: str = "Call mum", late: timedelta = LATE, **fields: object) -> Task:
    return task_due(user, title=title, reminder_at=datetime.now(UTC) - late, **fields)


def send() -> None:
    release_reminders()
    for pk in Delivery.objects.order_by("pk").values_list("pk", flat=True):
        deliver(pk)


def states() -> list[str]:
    return list(Reminder.objects.order_by("reminder_at", "pk").values_list("state", flat=True))


def shown(service: PushService) -> list[tuple[str, str]]:
    notifications = [message.payload["notification"] for message in service.messages]
    return [(one["title"], one.get("body", "")) for one in notifications]


def test_one_notice_names_all(alice: User, service: PushService) -> None:
    subscribe(alice, service.subscribe())
    for number in range(14):
        missed(alice, f"Task {number}", LATE + timedelta(hours=20 - number))
    assert scan_reminders(limit=5) == 14
    send()
    titles = "Task 0\nTask 1\nTask 2\nTask 3\nTask 4\nand 9 more"
    assert shown(service) == [("14 missed reminders", titles)]
    assert states() == ["missed"] * 14


def test_it_is_no_reminder_that_was_sent(alice: User, service: PushService) -> None:
    subscribe(alice, service.subscribe())
    missed(alice)
    scan_reminders()
    send()
    assert shown(service) == [("1 missed reminder", "Call mum")]
    assert not Task.objects.get().reminder_sent
    assert (states(), Delivery.objects.get(notice="missed").state) == (["missed"], "sent")
    assert Delivery.objects.get(reminder__isnull=False).state == "sent"


@pytest.mark.parametrize(("late", "state"), [(timedelta(hours=24), "due"), (LATE, "missed")])
def test_a_day_is_the_limit(alice: User, service: PushService, late: timedelta, state: str) -> None:
    subscribe(alice, service.subscribe())
    missed(alice, late=late)
    scan_reminders()
    assert states() == [state]


def test_the_limit_is_a_setting(alice: User, service: PushService, settings: Settings) -> None:
    settings.REMINDER_MISSED_AFTER = timedelta(hours=2)
    subscribe(alice, service.subscribe())
    missed(alice, late=timedelta(hours=3))
    scan_reminders()
    assert states() == ["missed"]


def test_others_of_the_same_user_ring_as_ever(alice: User, service: PushService) -> None:
    subscribe(alice, service.subscribe())
    missed(alice, "too late")
    missed(alice, "late", timedelta(hours=23))
    scan_reminders()
    send()
    assert {title for title, _ in shown(service)} == {"1 missed reminder", "late"}


def test_it_has_its_event(alice: User) -> None:
    missed(alice)
    OutboxEvent.objects.all().delete()
    scan_reminders()
    assert OutboxEvent.objects.get(type="reminder.due").event_id == Reminder.objects.get().event_id


def test_the_notice_waits_until_the_scan_has_seen_all(alice: User, service: PushService) -> None:
    subscribe(alice, service.subscribe())
    for number in range(3):
        missed(alice, f"Task {number}")
    Task.objects.order_by("pk").first()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("notifications_app.scan.BATCHES_PER_CALL", 1)
        assert scan_reminders(limit=2) == 2
        assert release_reminders() == 0
        assert scan_reminders(limit=2) == 1
    assert release_reminders() == 3
    send()
    assert [title for title, _ in shown(service)] == ["3 missed reminders"]


def test_who_waits_for_the_scan_does_not_keep_others_waiting(
    alice: User, bob: User, service: PushService, noon: time_machine.Traveller
) -> None:
    subscribe(bob, service.subscribe())
    missed(alice)
    scan_reminders()
    noon.shift(1)
    missed(bob)
    scan_reminders()
    missed(alice)  # not scanned yet
    assert release_reminders(limit=1) == 1
    assert Reminder.objects.get(task__user=bob).waits_until is None


def test_each_user_has_one(alice: User, bob: User, service: PushService) -> None:
    for user in (alice, bob):
        subscribe(user, service.subscribe())
        missed(user, f"of {user.email}")
    scan_reminders()
    send()
    assert {body for _, body in shown(service)} == {"of alice@example.test", "of bob@example.test"}


def test_what_is_done_meanwhile_is_not_named(alice: User, service: PushService) -> None:
    subscribe(alice, service.subscribe())
    tasks = [missed(alice, title) for title in ("Call mum", "Call dad")]
    scan_reminders()
    complete_task(Task.objects.filter(pk=tasks[0].pk).locked().get())
    send()
    assert shown(service) == [("1 missed reminder", "Call dad")]


def test_without_a_device_there_is_no_notice(alice: User) -> None:
    missed(alice)
    scan_reminders()
    send()
    assert (states(), Delivery.objects.count()) == (["missed"], 0)
    assert release_reminders() == 0


class TestWithQuietHours:
    @pytest.fixture
    def alice(self, alice: User) -> User:
        """From ten to seven in Berlin, where noon in UTC is 13:00."""
        alice.quiet_from, alice.quiet_to = time(22), time(7)
        alice.save()
        return alice

    def test_the_day_counts_from_their_end(self, alice: User, service: PushService, noon: Any) -> None:
        subscribe(alice, service.subscribe())
        came_due = datetime(2026, 3, 2, 22, tzinfo=UTC)
        task_due(alice, reminder_at=came_due)
        noon.move_to(datetime(2026, 3, 4, 6, tzinfo=UTC))  # 32 hours later, 24 after the end
        scan_reminders()
        assert states() == ["due"]

    def test_the_notice_waits_for_their_end(self, alice: User, service: PushService, noon: Any) -> None:
        subscribe(alice, service.subscribe())
        missed(alice)
        noon.move_to(datetime(2026, 3, 2, 23, tzinfo=UTC))
        scan_reminders()
        send()
        assert (states(), service.messages) == (["missed"], [])
        noon.move_to(datetime(2026, 3, 3, 6, tzinfo=UTC))
        send()
        assert shown(service) == [("1 missed reminder", "Call mum")]

    def test_what_waited_and_is_released_too_late_is_missed(
        self, alice: User, service: PushService, noon: Any
    ) -> None:
        subscribe(alice, service.subscribe())
        noon.move_to(datetime(2026, 3, 2, 23, tzinfo=UTC))
        task_due(alice)
        scan_reminders()
        assert states() == ["waiting"]
        noon.move_to(datetime(2026, 3, 4, 6, 1, tzinfo=UTC))
        send()
        assert states() == ["missed"]
        assert shown(service) == [("1 missed reminder", "Call mum")]


@pytest.mark.django_db(transaction=True)
def test_three_at_once_make_one_notice(alice: User, service: PushService) -> None:
    subscribe(alice, service.subscribe())
    for number in range(30):
        missed(alice, f"Task {number}")

    def scan_and_release() -> None:
        for _ in range(4):
            scan_reminders(limit=5)
            release_reminders()

    with time_machine.travel(NOON, tick=False):
        at_once(*[scan_and_release] * 3)
    release_reminders()
    assert states() == ["missed"] * 30
    assert Delivery.objects.filter(notice="missed").count() == 1
    assert Delivery.objects.filter(sent_with__isnull=False).count() == 30


@pytest.mark.django_db(transaction=True)
def test_what_the_scan_commits_during_a_release_is_in_the_same_notice(
    alice: User, service: PushService
) -> None:
    subscribe(alice, service.subscribe())
    for number in range(2):
        missed(alice, f"Task {number}")

    def scan_after_each_read(execute: Any, sql: str, *args: Any) -> Any:
        read = execute(sql, *args)
        if 'FROM "tasks"' in sql:
            at_once(lambda: scan_reminders(limit=1))
        return read

    with time_machine.travel(NOON, tick=False), pytest.MonkeyPatch.context() as patch:
        patch.setattr("notifications_app.scan.BATCHES_PER_CALL", 1)
        scan_reminders(limit=1)
        with connection.execute_wrapper(scan_after_each_read):
            release_reminders()
        release_reminders()
    assert Delivery.objects.filter(notice="missed").count() == 1
