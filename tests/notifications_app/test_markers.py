"""The state store has a marker of each task whose reminder was sent: for operators, and after the commit."""

from collections.abc import Iterator
from datetime import time, timedelta

import pytest
import time_machine
from django.test import override_settings

from accounts_app.models import User
from devkit.demo.push_service import PushService
from notifications_app.models import Delivery
from notifications_app.releasing import release_reminders
from notifications_app.scan import scan_reminders
from notifications_app.sending import deliver
from state_store import keys
from state_store.client import store
from tasks_app.models import Task
from tests.notifications_app.conftest import NOON, pending_delivery, refusing, subscribe, task_due

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("noon")]


@pytest.fixture(autouse=True)
def no_markers() -> Iterator[None]:
    yield
    for key in store().scan_iter(keys.reminder_sent(0)[:-1] + "*"):
        store().delete(key)


def marker(task: Task) -> str | None:
    value = store().get(keys.reminder_sent(task.pk))
    return value.decode() if isinstance(value, bytes) else None


def test_it_says_when_a_reminder_was_sent_and_goes_after_a_week(alice: User, service: PushService) -> None:
    deliver(pending_delivery(alice, service.subscribe()).pk)
    task = Task.objects.get()
    assert marker(task) == NOON.isoformat()
    assert 0 < int(store().ttl(keys.reminder_sent(task.pk))) <= timedelta(days=7).total_seconds()  # type: ignore[arg-type]


def test_it_says_nothing_of_what_was_not_sent(alice: User, service: PushService) -> None:
    delivery = pending_delivery(alice, service.subscribe())
    refusing(service, 503)
    deliver(delivery.pk)
    assert marker(Task.objects.get()) is None


def test_it_says_so_of_each_reminder_that_a_notice_named(
    alice: User, service: PushService, noon: time_machine.Traveller
) -> None:
    alice.quiet_from, alice.quiet_to = time(12), time(14)  # in Berlin it is 13:00
    alice.save()
    subscribe(alice, service.subscribe())
    tasks = [task_due(alice, title=title) for title in ("Call mum", "Call dad")]
    assert scan_reminders() == 2
    noon.shift(timedelta(hours=1))
    release_reminders()
    for pk in Delivery.objects.values_list("pk", flat=True):
        deliver(pk)
    assert [marker(task) for task in tasks] == [(NOON + timedelta(hours=1)).isoformat()] * 2
    assert set(Task.objects.values_list("reminder_sent", flat=True)) == {True}


def test_a_store_that_is_away_keeps_no_delivery_from_being_recorded(
    alice: User, service: PushService, free_port: int
) -> None:
    delivery = pending_delivery(alice, service.subscribe())
    with override_settings(REDIS_URL=f"redis://127.0.0.1:{free_port}/0"):
        deliver(delivery.pk)
    assert Delivery.objects.get().state == "sent"
    assert Task.objects.get().reminder_sent
