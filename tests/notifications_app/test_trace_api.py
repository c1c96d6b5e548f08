"""/api/tasks/{id}/reminders: what became of each reminder."""

from collections.abc import Callable
from datetime import timedelta

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from prometheus_client import REGISTRY
from rest_framework.test import APIClient

from accounts_app.models import User
from devkit.demo.push_profiles import RefusalError
from devkit.demo.push_service import PushService
from notifications_app.metrics import STAGES
from notifications_app.models import Delivery
from notifications_app.push_answers import in_words
from notifications_app.scan import scan_reminders
from notifications_app.sending import deliver
from tasks_app.models import Task
from tests.notifications_app.conftest import NOON, pending_delivery, relay, subscribe, task_due

pytestmark = pytest.mark.usefixtures("noon")

ClientOf = Callable[[User], APIClient]


def url_of(task: Task) -> str:
    return f"/api/tasks/{task.pk}/reminders"


def test_a_reminder_is_shown_with_its_deliveries_and_their_attempts(
    alice: User, client_of: ClientOf, service: PushService, noon: time_machine.Traveller
) -> None:
    delivery = pending_delivery(alice, service.subscribe(), reminder_at=NOON - timedelta(minutes=2))
    task = Task.objects.get()
    service.refusals = [RefusalError(503, "internal details of the push service")]
    deliver(delivery.pk)
    noon.shift(10)
    deliver(delivery.pk)

    (reminder,) = client_of(alice).get(url_of(task)).json()["results"]

    assert reminder["reminder_at"] == "2026-03-02T11:58:00Z"
    assert reminder["claimed_at"] == "2026-03-02T12:00:00Z"
    assert (reminder["lateness_seconds"], reminder["state"]) == (120, "delivered")
    (told,) = reminder["deliveries"]
    assert (told["id"], told["channel"], told["state"]) == (delivery.pk, "web_push", "sent")
    assert (told["subscription_id"], told["next_attempt_at"]) == (delivery.subscription_id, None)
    assert (told["sent_at"], told["expires_at"]) == ("2026-03-02T12:00:10Z", "2026-03-03T12:00:00Z")
    assert told["attempts"] == [
        {"at": "2026-03-02T12:00:00Z", "status": 503, "error": "", "meaning": in_words(503, "")},
        {"at": "2026-03-02T12:00:10Z", "status": 201, "error": "", "meaning": in_words(201, "")},
    ]


def test_it_says_when_the_next_attempt_will_be(
    alice: User, client_of: ClientOf, service: PushService
) -> None:
    delivery = pending_delivery(alice, service.subscribe())
    Delivery.objects.update(target="http://127.0.0.1:1/a")
    deliver(delivery.pk)
    (reminder,) = client_of(alice).get(url_of(Task.objects.get())).json()["results"]
    (told,) = reminder["deliveries"]
    assert told["next_attempt_at"] > "2026-03-02T12:00:0"
    assert "cannot be reached" in told["attempts"][0]["error"]


def test_a_task_that_never_rang_has_none(alice: User, client_of: ClientOf) -> None:
    task = Task.objects.create(user=alice, title="t")
    planned = {"next_reminder_at": None, "why": "The task has no reminder."}
    empty = {"results": [], "next": None, "previous": None, "planned": planned}
    assert client_of(alice).get(url_of(task)).json() == empty


def test_it_is_there_in_the_trash_too(alice: User, client_of: ClientOf) -> None:
    task = task_due(alice)
    scan_reminders()
    task.refresh_from_db()
    task.deleted_at = NOON
    task.save()
    assert len(client_of(alice).get(url_of(task)).json()["results"]) == 1


def test_another_persons_task_is_not_there(alice: User, bob: User, client_of: ClientOf) -> None:
    task = task_due(alice)
    assert client_of(bob).get(url_of(task)).status_code == 404
    assert client_of(bob).get("/api/tasks/0/reminders").status_code == 404
    assert client_of(bob).get(f"/api/tasks/{'9' * 30}/reminders").status_code == 404


def test_an_unknown_parameter_is_refused(alice: User, client_of: ClientOf) -> None:
    response = client_of(alice).get(url_of(task_due(alice)), {"state": "due"})
    assert response.status_code == 400


def test_it_costs_the_same_statements_for_many(
    alice: User, client_of: ClientOf, service: PushService, noon: time_machine.Traveller
) -> None:
    due_at = NOON + timedelta(hours=2)
    task = Task.objects.create(
        user=alice, title="t", due_at=due_at, reminder_offsets=[100, 90, 80, 70, 60, 50]
    )
    for _ in range(2):
        subscribe(alice, service.subscribe())

    def ring(times: int) -> None:
        for _ in range(times):
            noon.move_to(Task.objects.get().next_reminder_at)
            scan_reminders()
            relay()
            for delivery in Delivery.objects.filter(state="pending"):
                deliver(delivery.pk)

    def statements() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert client_of(alice).get(url_of(task)).status_code == 200
        return len(queries)

    ring(1)
    few = statements()
    ring(5)
    assert statements() == few
    results = client_of(alice).get(url_of(task)).json()["results"]
    assert [len(reminder["deliveries"]) for reminder in results] == [2] * 6
    assert [r["claimed_at"] for r in results] == sorted((r["claimed_at"] for r in results), reverse=True)


def test_the_stages_of_a_delivery_are_measured(
    alice: User, service: PushService, noon: time_machine.Traveller
) -> None:
    before = {stage: seconds_of(stage) for stage in STAGES}
    delivery = pending_delivery(alice, service.subscribe(), reminder_at=NOON - timedelta(minutes=2))
    noon.shift(10)
    deliver(delivery.pk)
    spent = {stage: seconds_of(stage) - before[stage] for stage in STAGES}
    assert spent == pytest.approx({"claimed": 120, "handled": 0, "queued": 10, "sent": 0}, abs=1e-6)


def seconds_of(stage: str) -> float:
    value = REGISTRY.get_sample_value("todo_reminder_stage_seconds_sum", {"stage": stage})
    assert value is not None
    return value
