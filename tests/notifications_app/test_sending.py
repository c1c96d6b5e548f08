"""A delivery that is sent: what it marks, and that it is sent once."""

import logging
from datetime import UTC, date, datetime
from typing import cast

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings
from redis import Redis

from accounts_app.models import User
from devkit.demo.push_profiles import RefusalError
from devkit.demo.push_service import PushService
from events_app.models import OutboxEvent
from notifications_app.channels.channel import AttemptOutcome, Verdict
from notifications_app.claiming import claim
from notifications_app.models import Delivery, Reminder
from notifications_app.recording import record_all
from notifications_app.results import Result
from notifications_app.scan import scan_reminders
from notifications_app.sending import deliver, send
from tasks_app.models import Task
from tests.notifications_app.conftest import (
    NOON,
    after_one_attempt,
    attempts_of,
    one_of_two_deliveries,
    pending_delivery,
    subscribe,
    task_due,
)
from tests.tasks_app.recorded import recorded

pytestmark = pytest.mark.usefixtures("noon")


def test_a_sent_reminder_is_marked_everywhere(alice: User, service: PushService) -> None:
    delivery = pending_delivery(alice, service.subscribe())
    with recorded() as events:
        delivery = after_one_attempt(delivery)

    assert (delivery.state, delivery.sent_at) == ("sent", NOON)
    assert attempts_of(delivery) == [(201, "")]
    assert Reminder.objects.get().state == "delivered"
    task = Task.objects.get()
    assert task.reminder_sent is True
    assert events.types == [("task.updated", task.pk)]
    assert events.synced == [(task.pk, ["reminder_sent"])]
    assert len(service.messages) == 1


def test_a_second_browser_makes_no_second_event(alice: User, service: PushService) -> None:
    first = one_of_two_deliveries(alice, service)
    deliver(first.pk)
    with recorded() as events:
        for delivery in Delivery.objects.all():
            deliver(delivery.pk)
    assert events.events == []
    assert len(service.messages) == 2
    assert {delivery.state for delivery in Delivery.objects.all()} == {"sent"}


def test_a_delivery_is_sent_once_however_often_it_is_asked_for(alice: User, service: PushService) -> None:
    delivery = pending_delivery(alice, service.subscribe())
    for _ in range(3):
        deliver(delivery.pk)
    deliver(0)  # nothing of this id
    assert service.requests == 1


def test_the_state_store_has_a_marker_that_goes_away(
    alice: User,
    service: PushService,
    settings: Settings,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    delivery = pending_delivery(alice, service.subscribe())
    with django_capture_on_commit_callbacks(execute=True):
        deliver(delivery.pk)
    with Redis.from_url(settings.REDIS_URL, decode_responses=True) as store:
        key = f"todo-app::reminder-sent::task-{Task.objects.get().pk}"
        assert store.get(key) == NOON.isoformat()
        assert 0 < store.ttl(key) <= 7 * 24 * 3600


def test_without_redis_a_sent_reminder_is_sent(
    alice: User,
    service: PushService,
    settings: Settings,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    delivery = pending_delivery(alice, service.subscribe())
    with django_capture_on_commit_callbacks(execute=True):
        deliver(delivery.pk)
    assert Delivery.objects.get().state == "sent"
    assert Task.objects.get().reminder_sent is True


def test_many_deliveries_cost_the_same_few_statements(alice: User, service: PushService) -> None:
    subscribe(alice, service.subscribe())

    def statements_for(reminders: int) -> int:
        for _ in range(reminders):
            task_due(alice)
        scan_reminders()
        OutboxEvent.objects.all().delete()  # what this transaction has written already is amended
        with CaptureQueriesContext(connection) as queries:
            leases = claim(reminders).leases
            record_all([Result(lease, AttemptOutcome(verdict=Verdict.SENT, status=201)) for lease in leases])
        assert len(leases) == reminders
        return len([query for query in queries if "SAVEPOINT" not in query["sql"]])

    assert statements_for(2) == statements_for(30) <= 10
    assert Task.objects.filter(reminder_sent=True).count() == 32


@pytest.mark.parametrize(("status", "level"), [(None, "INFO"), (403, "WARNING"), (503, "WARNING")])
def test_the_log_names_the_to_do_the_user_and_the_push_host_and_a_failure_is_a_warning(
    alice: User, service: PushService, caplog: pytest.LogCaptureFixture, status: int | None, level: str
) -> None:
    delivery = pending_delivery(alice, service.subscribe())
    service.refusals = [RefusalError(status, "no")] if status else []
    with caplog.at_level(logging.INFO):
        deliver(delivery.pk)
    (record,) = [one for one in caplog.records if "delivery_attempted" in one.getMessage()]
    assert record.levelname == level
    line = cast(dict[str, object], record.msg)
    assert (line["task_id"], line["user_id"]) == (Task.objects.get().pk, str(alice.pk))
    assert (line["delivery"], line["push_host"]) == (delivery.pk, "127.0.0.1")
    assert line["event_id"] == str(delivery.event_id)  # also on the line of the event's handling
    assert delivery.target not in record.getMessage()  # a secret


def test_deliveries_that_are_sent_together_are_one_line_and_each_failure_has_its_own(
    alice: User, service: PushService, caplog: pytest.LogCaptureFixture
) -> None:
    subscribe(alice, service.subscribe())
    for _ in range(4):
        task_due(alice)
    scan_reminders()
    leases = claim(4).leases
    ok, busy = (
        AttemptOutcome(verdict=Verdict.SENT, status=201),
        AttemptOutcome(verdict=Verdict.LATER, status=503),
    )
    with caplog.at_level(logging.INFO):
        record_all([Result(lease, what) for lease, what in zip(leases, (ok, busy, ok, busy), strict=True)])
    lines = [cast(dict[str, object], one.msg) for one in caplog.records if "deliver" in one.getMessage()]
    sent, *failed = lines
    deliveries = [lease.delivery for lease in leases]
    assert (sent["event"], sent["count"]) == ("deliveries_sent", 2)
    assert sent["deliveries"] == [deliveries[0].pk, deliveries[2].pk]
    assert sent["event_ids"] == [str(deliveries[0].event_id), str(deliveries[2].event_id)]
    assert [(line["event"], line["delivery"]) for line in failed] == [
        ("delivery_attempted", deliveries[1].pk),
        ("delivery_attempted", deliveries[3].pk),
    ]


@pytest.mark.parametrize("channels", [["push"], ["email"]])
def test_a_send_reads_nothing_from_the_database(
    alice: User, service: PushService, channels: list[str]
) -> None:
    """It is in a thread that has no connection; the claim has loaded all that it needs."""
    User.objects.filter(pk=alice.pk).update(channels=channels, email_confirmed=True)
    subscribe(alice, service.subscribe())
    task_due(alice, due_at=datetime(2026, 3, 2, 18, tzinfo=UTC), description="The new number")
    task_due(alice, due_date=date(2026, 3, 4))
    scan_reminders()
    leases = claim(9).leases
    with CaptureQueriesContext(connection) as queries:
        assert [cast(AttemptOutcome, send(lease)).verdict for lease in leases] == [Verdict.SENT] * 2
    assert len(queries) == 0
