"""What becomes of a delivery: by the answer of the push service, and by what is true when its turn comes."""

from datetime import timedelta
from email.utils import format_datetime

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings
from redis import Redis

from accounts_app.models import User
from notifications_app import deliveries
from notifications_app.deliveries import deliver
from notifications_app.models import Delivery, PushSubscription, Reminder
from notifications_app.scan import scan_reminders
from notifications_app.subscriptions import subscribe as bind
from notifications_app.subscriptions import unsubscribe
from notifications_app.tasks import requeue_stalled_deliveries
from tasks_app.models import Task
from tests.notifications_app.conftest import NOON, pending_delivery, queued, relay, subscribe, task_due
from tests.tasks_app.recorded import recorded
from todo_project.demo.push_service import PushService, RefusalError

pytestmark = pytest.mark.usefixtures("noon")

HOUR = timedelta(hours=1)


def attempts_of(delivery: Delivery) -> list[tuple[int | None, str]]:
    return list(delivery.attempts.values_list("status", "error"))


def refusing(service: PushService, status: int, text: str = "", **headers: str) -> None:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    service.refusals.append(RefusalError(status, text, named))


def after_one_attempt(delivery: Delivery) -> Delivery:
    deliver(delivery.pk)
    delivery.refresh_from_db()
    return delivery


# --- sent -------------------------------------------------------------------------------------------------


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
    first = pending_delivery_of_two(alice, service)
    deliver(first.pk)
    with recorded() as events:
        for delivery in Delivery.objects.all():
            deliver(delivery.pk)
    assert events.events == []
    assert len(service.messages) == 2
    assert {delivery.state for delivery in Delivery.objects.all()} == {"sent"}


def pending_delivery_of_two(user: User, service: PushService) -> Delivery:
    for _ in range(2):
        subscribe(user, service.subscribe())
    task_due(user)
    scan_reminders()
    relay()
    return Delivery.objects.order_by("pk")[0]


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


def test_one_attempt_costs_a_fixed_number_of_statements(alice: User, service: PushService) -> None:
    delivery = pending_delivery(alice, service.subscribe())
    with CaptureQueriesContext(connection) as queries:
        deliver(delivery.pk)
    assert len([query for query in queries if "SAVEPOINT" not in query["sql"]]) <= 16


# --- refused ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [404, 410])
def test_a_browser_that_is_gone_is_unsubscribed(alice: User, service: PushService, status: int) -> None:
    delivery = pending_delivery(alice, service.subscribe())
    kept = subscribe(alice, service.subscribe())
    refusing(service, status, "unsubscribed")

    delivery = after_one_attempt(delivery)

    assert (delivery.state, delivery.subscription) == ("failed", None)
    assert delivery.target.startswith(service.url)
    assert attempts_of(delivery) == [(status, "unsubscribed")]
    assert list(PushSubscription.objects.all()) == [kept]
    assert Reminder.objects.get().state == "undelivered"
    assert Task.objects.get().reminder_sent is False


@pytest.mark.parametrize("status", [301, 307, 400, 401, 403, 406, 413, 422])
def test_a_refusal_is_final_and_leaves_the_subscription(
    alice: User, service: PushService, status: int
) -> None:
    delivery = pending_delivery(alice, service.subscribe())
    refusing(service, status, "no", Location=service.url + "/elsewhere")

    delivery = after_one_attempt(delivery)

    assert (delivery.state, delivery.subscription) == ("failed", PushSubscription.objects.get())
    assert attempts_of(delivery) == [(status, "no")]
    assert service.requests == 1  # a redirect is not followed
    assert Reminder.objects.get().state == "undelivered"


def test_a_browser_that_subscribed_anew_meanwhile_is_kept(alice: User, service: PushService) -> None:
    delivery = pending_delivery(alice, service.subscribe())
    claim = deliveries._claim(delivery.pk)
    assert claim
    refusing(service, 410)
    outcome = deliveries.CHANNELS["web_push"].send(claim.delivery)
    PushSubscription.objects.update(updated_at=NOON + timedelta(seconds=1))
    deliveries._record(claim, outcome)
    assert Delivery.objects.get().state == "failed"
    assert PushSubscription.objects.exists()


# --- later ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503])
def test_a_passing_fault_is_tried_again(
    alice: User, service: PushService, noon: time_machine.Traveller, status: int
) -> None:
    delivery = pending_delivery(alice, service.subscribe())
    refusing(service, status, "busy")

    delivery = after_one_attempt(delivery)

    wait = delivery.next_attempt_at - NOON
    assert delivery.state == "pending"
    assert timedelta(seconds=5) <= wait <= timedelta(seconds=10)
    assert attempts_of(delivery) == [(status, "busy")]
    deliver(delivery.pk)
    assert service.requests == 1  # not before its time

    noon.shift(10)
    assert requeue_stalled_deliveries() == 1
    assert queued() == [delivery.pk]
    assert after_one_attempt(delivery).state == "sent"
    assert Reminder.objects.get().state == "delivered"


@pytest.mark.parametrize(
    ("value", "wait"),
    [
        ("120", timedelta(seconds=120)),
        ("0", timedelta(seconds=10)),
        ("86400", HOUR),
        (format_datetime(NOON + timedelta(minutes=7), usegmt=True), timedelta(minutes=7)),
        (format_datetime(NOON - HOUR, usegmt=True), timedelta(seconds=10)),
    ],
)
def test_retry_after_is_obeyed_within_bounds(
    alice: User, service: PushService, value: str, wait: timedelta
) -> None:
    delivery = pending_delivery(alice, service.subscribe())
    refusing(service, 429, Retry_After=value)
    assert after_one_attempt(delivery).next_attempt_at == NOON + wait


@pytest.mark.parametrize("value", ["soon", "-5", "1e3", "9" * 5000, "Mon, 32 Jan 2026 99:00:00 GMT"])
def test_a_broken_retry_after_is_no_retry_after(alice: User, service: PushService, value: str) -> None:
    delivery = pending_delivery(alice, service.subscribe())
    refusing(service, 503, Retry_After=value)
    wait = after_one_attempt(delivery).next_attempt_at - NOON
    assert timedelta(seconds=5) <= wait <= timedelta(seconds=10)


def test_the_wait_doubles_and_has_a_limit(
    alice: User, service: PushService, noon: time_machine.Traveller
) -> None:
    delivery = pending_delivery(alice, service.subscribe())
    waits = []
    for _ in range(9):
        refusing(service, 500)
        delivery = after_one_attempt(delivery)
        waits.append(delivery.next_attempt_at - delivery.attempts.last().at)
        noon.move_to(delivery.next_attempt_at)
    full = [min(timedelta(seconds=10) * 2**n, timedelta(minutes=15)) for n in range(9)]
    assert all(most / 2 <= wait <= most for wait, most in zip(waits, full, strict=True))


def test_when_its_time_is_over_it_is_not_sent(
    alice: User, service: PushService, noon: time_machine.Traveller
) -> None:
    delivery = pending_delivery(alice, service.subscribe())
    noon.shift(timedelta(hours=24))
    assert after_one_attempt(delivery).state == "expired"
    assert service.requests == 0
    assert Reminder.objects.get().state == "undelivered"


def test_a_retry_that_would_come_too_late_is_not_waited_for(
    alice: User, service: PushService, noon: time_machine.Traveller
) -> None:
    delivery = pending_delivery(alice, service.subscribe())
    noon.shift(timedelta(hours=23, minutes=59))
    refusing(service, 429, Retry_After="60")
    assert after_one_attempt(delivery).state == "expired"


def test_a_push_service_that_is_down_is_tried_again(alice: User, service: PushService) -> None:
    browser = service.subscribe()
    delivery = pending_delivery(alice, browser)
    Delivery.objects.update(target="http://127.0.0.1:1/push/nobody")
    delivery = after_one_attempt(delivery)
    assert delivery.state == "pending"
    ((status, error),) = attempts_of(delivery)
    assert status is None
    assert "cannot be reached" in error


def test_a_fault_of_ours_is_recorded_and_tried_again(alice: User, service: PushService) -> None:
    delivery = pending_delivery(alice, service.subscribe())
    PushSubscription.objects.update(p256dh_key="AAAA")
    delivery = after_one_attempt(delivery)
    assert delivery.state == "pending"
    assert delivery.queued_at is None
    ((status, error),) = attempts_of(delivery)
    assert status is None
    assert "p256dh" in error


@pytest.mark.parametrize("key", ["", "not a key", "AAAA"])
def test_without_a_vapid_key_deliveries_wait(
    alice: User, service: PushService, settings: Settings, noon: time_machine.Traveller, key: str
) -> None:
    working, settings.VAPID_PRIVATE_KEY = settings.VAPID_PRIVATE_KEY, key
    delivery = after_one_attempt(pending_delivery(alice, service.subscribe()))
    assert (delivery.state, delivery.next_attempt_at) == ("pending", NOON + timedelta(minutes=1))
    assert attempts_of(delivery) == []
    assert service.requests == 0

    settings.VAPID_PRIVATE_KEY = working
    noon.shift(60)
    assert requeue_stalled_deliveries() == 1
    assert after_one_attempt(delivery).state == "sent"


# --- what is true when its turn comes -------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        {"completed": True},
        {"archived": True},
        {"deleted_at": NOON},
        {"reminder_at": NOON + HOUR},
        {"reminder_at": None},
        {"snoozed_until": NOON + HOUR},
    ],
)
def test_a_task_that_changed_meanwhile_cancels(
    alice: User, service: PushService, change: dict[str, object]
) -> None:
    delivery = pending_delivery(alice, service.subscribe())
    task = Task.objects.get()
    for name, value in change.items():
        setattr(task, name, value)
    task.save()

    assert after_one_attempt(delivery).state == "cancelled"
    assert service.requests == 0
    assert Reminder.objects.get().state == "cancelled"
    assert attempts_of(delivery) == []


def test_a_new_title_does_not_cancel_and_is_the_one_sent(alice: User, service: PushService) -> None:
    delivery = pending_delivery(alice, service.subscribe())
    task = Task.objects.get()
    task.title = "Call dad"
    task.save()
    deliver(delivery.pk)
    assert [message.payload["title"] for message in service.messages] == ["Call dad"]


def test_the_end_of_a_snooze_is_sent(alice: User, service: PushService, noon: time_machine.Traveller) -> None:
    deliver(pending_delivery(alice, service.subscribe()).pk)
    task = Task.objects.get()
    task.snoozed_until = NOON + HOUR
    task.save()
    noon.shift(HOUR)
    scan_reminders()
    relay()
    deliver(Delivery.objects.get(state="pending").pk)
    assert [message.payload["reminder_at"] for message in service.messages][1] == (NOON + HOUR).isoformat()


def test_a_browser_that_is_another_persons_now_gets_nothing(
    alice: User, bob: User, service: PushService
) -> None:
    browser = service.subscribe()
    delivery = pending_delivery(alice, browser)
    bind(bob.pk, user_agent="", **browser.subscription)
    assert after_one_attempt(delivery).state == "cancelled"
    assert service.requests == 0


def test_a_browser_that_was_unsubscribed_gets_nothing(alice: User, service: PushService) -> None:
    delivery = pending_delivery(alice, service.subscribe())
    unsubscribe(PushSubscription.objects.get())
    delivery.refresh_from_db()
    assert after_one_attempt(delivery).state == "cancelled"
    assert service.requests == 0


def test_a_person_who_left_gets_nothing(alice: User, service: PushService) -> None:
    delivery = pending_delivery(alice, service.subscribe())
    User.objects.filter(pk=alice.pk).update(is_active=False)
    assert after_one_attempt(delivery).state == "cancelled"


def test_the_reminder_ends_with_its_last_delivery(alice: User, service: PushService) -> None:
    first = pending_delivery_of_two(alice, service)
    second = Delivery.objects.exclude(pk=first.pk).get()
    refusing(service, 403)
    deliver(first.pk)
    assert Reminder.objects.get().state == "due"
    refusing(service, 403)
    deliver(second.pk)
    assert Reminder.objects.get().state == "undelivered"


# --- a worker that dies -----------------------------------------------------------------------------------


class KilledError(BaseException):
    """kill -9, as far as our code can tell: nothing after it runs."""


def dying_after_sending(monkeypatch: pytest.MonkeyPatch) -> None:
    def die(*_: object) -> None:
        raise KilledError

    monkeypatch.setattr(deliveries, "_record", die)


def test_a_worker_killed_between_send_and_record_sends_once_more(
    alice: User, service: PushService, noon: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch
) -> None:
    delivery = pending_delivery(alice, service.subscribe())
    with monkeypatch.context() as patched:
        dying_after_sending(patched)
        with pytest.raises(KilledError):
            deliver(delivery.pk)
    assert len(service.messages) == 1
    assert attempts_of(delivery) == [(None, "")]

    deliver(delivery.pk)
    assert len(service.messages) == 1  # the lease holds
    noon.shift(59)
    assert requeue_stalled_deliveries() == 0
    noon.shift(1)
    assert requeue_stalled_deliveries() == 1
    assert after_one_attempt(delivery).state == "sent"
    topics = [(message.headers["topic"], message.payload["tag"]) for message in service.messages]
    assert len(topics) == 2
    assert len(set(topics)) == 1  # on the device the second replaces the first


def test_a_worker_that_outlived_its_lease_cannot_undo_what_another_did(
    alice: User, service: PushService, noon: time_machine.Traveller
) -> None:
    delivery = pending_delivery(alice, service.subscribe())
    slow = deliveries._claim(delivery.pk)
    assert slow
    noon.shift(60)
    assert after_one_attempt(delivery).state == "sent"
    refusing(service, 503)
    deliveries._record(slow, deliveries.CHANNELS["web_push"].send(slow.delivery))
    delivery.refresh_from_db()
    assert delivery.state == "sent"
    assert attempts_of(delivery) == [(503, ""), (201, "")]


def test_a_task_erased_while_it_is_sent_is_no_fault(alice: User, service: PushService) -> None:
    delivery = pending_delivery(alice, service.subscribe())
    claim = deliveries._claim(delivery.pk)
    assert claim
    outcome = deliveries.CHANNELS["web_push"].send(claim.delivery)
    Task.objects.get().delete()
    deliveries._record(claim, outcome)
    assert not Delivery.objects.exists()


def test_a_reminder_moved_while_it_is_sent_is_not_marked_as_rung(alice: User, service: PushService) -> None:
    delivery = pending_delivery(alice, service.subscribe())
    claim = deliveries._claim(delivery.pk)
    assert claim
    outcome = deliveries.CHANNELS["web_push"].send(claim.delivery)
    task = Task.objects.get()
    task.reminder_at = NOON + HOUR
    task.save()
    deliveries._record(claim, outcome)
    assert Delivery.objects.get().state == "sent"
    assert Task.objects.get().reminder_sent is False
