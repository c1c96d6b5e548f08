"""A user's last device is gone: the reminder goes to the confirmed address instead, and `me` says so."""

from typing import Any

import pytest
from django.db import transaction

from accounts_app.models import User
from accounts_app.preferences import EmailStop
from devkit.demo.push_service import PushService
from notifications_app.claiming import LEASE, claim
from notifications_app.models import Delivery, PushSubscription, Reminder
from notifications_app.recording import record_all
from notifications_app.releasing import release_reminders
from notifications_app.results import Result
from notifications_app.scan import scan_reminders
from notifications_app.sending import deliver, send
from tasks_app.models import Task
from tests.notifications_app.conftest import refusing, subscribe, task_due

pytestmark = pytest.mark.usefixtures("noon")


@pytest.fixture
def alice(alice: User, service: PushService) -> User:
    alice.email_confirmed = True
    alice.save()
    subscribe(alice, service.subscribe())
    return alice


def attempt_all() -> None:
    for pk in Delivery.objects.order_by("pk").values_list("pk", flat=True):
        deliver(pk)


def made() -> list[tuple[str, str]]:
    return list(Delivery.objects.order_by("pk").values_list("channel", "state"))


def reachable(user: User, client_of: Any) -> bool:
    return bool(client_of(User.objects.get(pk=user.pk)).get("/api/me").json()["reachable"])


def test_the_reminder_goes_to_the_address(
    alice: User, service: PushService, mailoutbox: list[Any], client_of: Any
) -> None:
    task_due(alice)
    scan_reminders()
    refusing(service, 410)
    attempt_all()
    assert made() == [("web_push", "failed"), ("email", "pending")]
    assert Reminder.objects.get().state == "due"
    attempt_all()
    assert [mail.to for mail in mailoutbox] == [["alice@example.test"]]
    assert made() == [("web_push", "failed"), ("email", "sent")]
    assert Reminder.objects.get().state == "delivered"
    assert Task.objects.get().reminder_sent
    assert reachable(alice, client_of)


def test_so_do_others_that_were_on_their_way_there(
    alice: User, service: PushService, mailoutbox: list[Any]
) -> None:
    for title in ("Call mum", "Call dad"):
        task_due(alice, title=title)
    scan_reminders()
    refusing(service, 410)
    attempt_all()
    attempt_all()
    assert {mail.subject for mail in mailoutbox} == {"Reminder: Call mum", "Reminder: Call dad"}
    assert set(Reminder.objects.values_list("state", flat=True)) == {"delivered"}


@pytest.mark.parametrize("changes", [{"email_confirmed": False}, {"email_stopped": EmailStop.UNSUBSCRIBED}])
def test_without_an_address_that_gets_reminders_it_is_lost_and_me_says_so(
    alice: User, service: PushService, client_of: Any, changes: dict[str, Any]
) -> None:
    User.objects.filter(pk=alice.pk).update(**changes)
    task_due(alice)
    scan_reminders()
    refusing(service, 410)
    attempt_all()
    assert made() == [("web_push", "failed")]
    assert Reminder.objects.get().state == "undelivered"
    assert not reachable(alice, client_of)


def test_with_another_device_nothing_is_mailed(alice: User, service: PushService) -> None:
    subscribe(alice, service.subscribe())
    task_due(alice)
    scan_reminders()
    refusing(service, 410)
    attempt_all()
    assert sorted(made()) == [("web_push", "failed"), ("web_push", "sent")]


def test_a_device_that_subscribed_since_gets_it(alice: User, service: PushService) -> None:
    User.objects.filter(pk=alice.pk).update(channels=["email"])
    task_due(alice)
    scan_reminders()
    User.objects.filter(pk=alice.pk).update(email_stopped=EmailStop.REFUSED)
    attempt_all()
    attempt_all()
    assert made() == [("email", "cancelled"), ("web_push", "sent")]


def test_what_is_done_by_then_is_not_sent(alice: User, service: PushService, mailoutbox: list[Any]) -> None:
    task = task_due(alice)
    scan_reminders()
    refusing(service, 410)
    attempt_all()
    task.completed = True
    task.save()
    attempt_all()
    assert mailoutbox == []
    assert made() == [("web_push", "failed"), ("email", "cancelled")]


def test_a_notice_goes_there_as_one_mail(alice: User, service: PushService, mailoutbox: list[Any]) -> None:
    tasks = [task_due(alice, title=title) for title in ("Call mum", "Call dad")]
    scan_reminders()
    Delivery.objects.all().delete()
    Reminder.objects.update(state="waiting", waits_until=tasks[0].created_at)
    assert release_reminders() == 2
    refusing(service, 410)
    attempt_all()
    attempt_all()
    assert [mail.subject for mail in mailoutbox] == ["2 reminders"]
    assert set(Reminder.objects.values_list("state", flat=True)) == {"delivered"}
    assert Task.objects.filter(reminder_sent=True).count() == 2


def test_once_however_often_it_is_found(alice: User, service: PushService) -> None:
    subscribe(alice, service.subscribe())
    task_due(alice)
    scan_reminders()
    refusing(service, 410)
    refusing(service, 410)
    attempt_all()
    assert sorted(made()) == [("email", "pending"), ("web_push", "failed"), ("web_push", "failed")]
    assert not PushSubscription.objects.exists()


def test_a_worker_that_is_killed_before_it_records_loses_nothing(
    alice: User, service: PushService, mailoutbox: list[Any], noon: Any
) -> None:
    task_due(alice)
    scan_reminders()
    refusing(service, 410)
    (lease,) = claim(10).leases
    with transaction.atomic():  # as a kill, which takes back what is not committed
        record_all([Result(lease, send(lease))])
        transaction.set_rollback(True)
    PushSubscription.objects.all().delete()
    noon.shift(LEASE)
    attempt_all()
    attempt_all()
    assert len(mailoutbox) == 1
    assert made() == [("web_push", "cancelled"), ("email", "sent")]
