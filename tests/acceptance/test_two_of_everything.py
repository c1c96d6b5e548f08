"""Two of each process, some of them killed: one successor, one delivery for each device."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from accounts_app.models import User
from devkit.demo.push_service import PushService, push_service
from devkit.embedded.instance import new_vapid_key
from events_app.envelope import Event
from events_app.handling import handle
from events_app.models import DeadLetter, OutboxEvent, ParkedEvent
from notifications_app.models import Delivery, DeliveryAttempt, PushSubscription, Reminder
from tasks_app.models import Task
from tasks_app.services import complete_task, create_task, reopen_task
from tests.acceptance.processes import BEAT, RELAY, TICKER, WORKER, eventually, running

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def service(settings: Settings) -> Iterator[PushService]:
    settings.VAPID_PRIVATE_KEY = new_vapid_key()
    with push_service() as service:
        yield service


def remind_now(user: User, **fields: object) -> Task:
    return create_task(user, title="water the plants", reminder_at=timezone.now(), **fields)


def fresh(task: Task) -> Task:
    return Task.objects.get(pk=task.pk)


def redeliver(task: Task) -> None:
    """The reminder's event once more, as a broker may send it."""
    reminder = Reminder.objects.get(task=task)
    data = {
        "task_id": task.pk,
        "user_id": str(task.user_id),
        "title": task.title,
        "reminder_at": reminder.reminder_at.isoformat(),
        "due_at": None,
    }
    handle(
        "notifications",
        Event(
            id=reminder.event_id, topic="reminders", type="reminder.due", key=str(task.user_id),
            subject=str(task.pk), sequence=task.version, time=reminder.claimed_at, data=data,
        ),
    )  # fmt: skip


def test_one_successor_and_one_delivery_per_device(alice: User, service: PushService) -> None:
    for _ in range(2):
        PushSubscription.objects.create(user=alice, **service.subscribe().subscription)
    with running(WORKER, WORKER, TICKER, TICKER, BEAT, BEAT, RELAY, RELAY) as processes:
        task = remind_now(alice, due_at=timezone.now() + timedelta(hours=1), recurrence_rule="daily")
        eventually(lambda: Delivery.objects.filter(state="sent").count() == 2)  # or a kill would repeat it
        for _ in range(3):
            redeliver(task)

        complete_task(fresh(task))
        complete_task(fresh(task))
        eventually(lambda: Task.objects.filter(generated_from=task).exists())
        reopen_task(fresh(task))
        complete_task(fresh(task))

        for killed in processes[::2]:
            killed.kill()
        # Each of these takes another tick, of whichever beat, to whichever worker is left.
        others = []
        for told in (4, 6, 8):
            others.append(remind_now(alice))
            eventually(lambda told=told: len(service.messages) == told)
        eventually(lambda: Delivery.objects.filter(state="sent").count() == 8)
        # An event whose first attempt a kill ended is tried again by a later tick.
        eventually(lambda: not OutboxEvent.objects.exists() and not ParkedEvent.objects.exists())

    assert len(service.messages) == 8
    assert Delivery.objects.filter(state="sent").count() == Delivery.objects.count() == 8
    assert DeliveryAttempt.objects.count() == 8
    assert {fresh(reminded).reminder_sent for reminded in (task, *others)} == {True}
    assert Task.objects.filter(series_id=task.series_id).count() == 2
    assert not DeadLetter.objects.exists()
