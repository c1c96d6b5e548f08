"""The cron binding: each replica's sidecar fires it, and each reminder is claimed once."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from django.db import connection
from django.utils import timezone

from accounts_app.models import User
from events_app.models import OutboxEvent
from notifications_app.models import Reminder
from tasks_app.models import Task
from tests.dapr.sidecar import Sidecar

REPLICAS = 3
TASKS = 40


@pytest.mark.django_db(transaction=True)
def test_of_three_sidecars_that_fire_at_once_each_reminder_is_claimed_by_one(
    sidecar: Sidecar, alice: User
) -> None:
    for second in range(1, TASKS + 1):
        Task.objects.create(user=alice, title="x", reminder_at=timezone.now() - timedelta(seconds=second))
    together = Barrier(REPLICAS)

    def fire(number: int) -> int:
        try:
            together.wait()
            status, body = sidecar.fire_cron(asks_first=number == 0)
            assert status == 200
            return int(json.loads(body)["claimed"])
        finally:
            connection.close()

    with ThreadPoolExecutor(REPLICAS) as pool:
        claimed = list(pool.map(fire, range(REPLICAS)))
    # What another holds is left to it, and is done by then.
    assert sum(claimed) == Reminder.objects.count() == TASKS
    rung = OutboxEvent.objects.filter(type="reminder.due").values_list("subject", flat=True)
    assert len(rung) == len(set(rung)) == TASKS
    assert sidecar.fire_cron() == (200, b'{"claimed": 0}')
